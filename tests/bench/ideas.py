"""Tries ideas for detection that need only the outputs of classifier, student and sentinel, and prints what they find.

Every idea is one score. A third of the calibration pictures fits it, a third sets its thresholds, and the last is spent
where an idea needs benign pictures to learn from. False positives are measured on the remaining pictures. Of the attacks'
seeds half A chooses where something has to be chosen, and half B is reported, always. All this is repeated over SPLITS
fixed splits and averaged: a threshold for 1% rests on ten pictures, and by one split ideas would be told apart by luck.
`make ideas` runs this.
"""

import hashlib
import sys
from pathlib import Path

import cv2
import numpy as np
from networks import SETS, answers, ready, session
from scipy.ndimage import median_filter
from scipy.optimize import minimize
from scipy.stats import norm
from test_half import test_half

ROOT = Path(__file__).resolve().parents[2]
SHARED, SENTINELS = ROOT.parent / "shared", ROOT / "target/sentinels"
CACHE = ROOT / "target/ideas-cache"
# Who is asked about a view, by its first word; all others go to teacher and student.
ASKED = {"plain": ["teacher", "student", "sentinel"], "mirror": ["sentinel"], "noise": ["teacher"]}
SPLITS, RESAMPLES = 50, 2000
SIGMAS, COPIES = [4, 8, 16], 4  # of the noise, in 255ths, and how often it is drawn
FEWEST_OF_GROUP = 30  # fewer benign pictures than this have no ranks of their own
SHRINKAGE = 10  # pictures that all classes together count for beside those of one class
SMALLEST = 1e-12
SHIPPED = {"sentinel": 1.0, "student": 0.5, "squeezing": 0.25}
SEVEN = [*SHIPPED, "student on the median", "noise", "sentinel mirrored", "doubt"]
REFERENCE = "shipped: 1, 0.5, 0.25"
BY_ATTACK = [REFERENCE, "shipped + 0.25 doubt two-sided", "shipped, sentinel mirrored", "logistic regression over eight"]


def attacks(name):
    """By attack: the seeds, which are the same for all, the examples made of them, and which of these deceive."""
    for file in sorted((SENTINELS / name / "oblivious").glob("*.npz")):
        arrays, attack = np.load(file), file.stem
        yield attack.removeprefix("oblivious_"), arrays["x"], arrays[f"adv_{attack}"], arrays[f"ok_{attack}"]


def log_probabilities(model, mean, deviation, pixels):
    """What an ONNX file makes of pictures with values from 0 to 1; remembered by the contents of both."""
    digest = hashlib.sha256(model.read_bytes() + repr((mean, deviation)).encode() + pixels.tobytes()).hexdigest()
    cached = CACHE / f"{digest[:24]}.npz"
    if not cached.exists():
        network = session(model)
        output = answers(network, ready(pixels, mean, deviation)).astype(float)
        if network.get_outputs()[0].name == "logits":
            output -= np.logaddexp.reduce(output, axis=1, keepdims=True)
        else:
            output = np.log(output.clip(SMALLEST))
        CACHE.mkdir(exist_ok=True)
        np.savez(cached, output=output)
    return np.load(cached)["output"]


def views(pictures):
    """The pictures, squeezed as the line-up does, and with noise, from 0 to 1."""
    plain = pictures.astype(np.float32) / np.float32(255)
    denoised = [cv2.fastNlMeansDenoisingColored(np.ascontiguousarray(one), None, 2, 2, 3, 13) for one in pictures]
    yield "plain", plain
    yield "bits", np.rint(plain * 31) / np.float32(31)
    yield "median", median_filter(plain, size=(1, 2, 2, 1), mode="reflect")
    yield "nlm", np.stack(denoised).astype(np.float32) / np.float32(255)
    yield "mirror", np.ascontiguousarray(plain[:, :, ::-1])
    yield "mirror upside down", np.ascontiguousarray(plain[:, ::-1])
    yield "mirror twice", np.ascontiguousarray(plain[:, ::-1, ::-1])
    random = np.random.default_rng(1)
    for sigma in SIGMAS:
        for copy in range(COPIES):
            noise = random.standard_normal(plain.shape, np.float32) * np.float32(sigma / 255)
            yield f"noise {sigma} {copy}", (plain + noise).clip(0, 1)


class Material:
    """The raw scores of benign pictures, which come first, and of adversarial ones, with seed and attack of each."""

    def __init__(self, name):
        classifier, mean, deviation, self.calibrated, self.rates = SETS[name]
        sets = list(attacks(name))
        seeds = {seed.tobytes() for seed in sets[0][1]}
        benign = np.stack([one for one in test_half(name)[0] if one.tobytes() not in seeds])
        self.attacks, self.benign, self.seeds = [attack for attack, *_ in sets], len(benign), len(sets[0][1])
        self.seed = np.concatenate([np.flatnonzero(ok) for *_, ok in sets])
        self.attack = np.repeat(np.arange(len(sets)), [ok.sum() for *_, ok in sets])
        models = {
            "teacher": SHARED / f"models/{classifier}.onnx",
            "student": SHARED / f"models/students/{name}.onnx",
            "sentinel": SENTINELS / name / "sentinel.onnx",
        }
        says = {}
        for view, pixels in views(np.concatenate([benign] + [adversarial[ok] for _, _, adversarial, ok in sets])):
            for model in ASKED.get(view.split()[0], ["teacher", "student"]):
                says[model, view] = log_probabilities(models[model], mean, deviation, pixels)
        self.predicted = says["teacher", "plain"].argmax(1)
        self.rises = {sigma: self.rise(says, sigma) for sigma in SIGMAS}
        self.raw = raw_scores(says)

    def rise(self, says, sigma):
        """How much each class rises beside the predicted one under noise, on average."""
        gaps = lambda says: says - says[np.arange(len(says)), self.predicted][:, None]
        noisy = np.mean([gaps(says["teacher", f"noise {sigma} {copy}"]) for copy in range(COPIES)], 0)
        return noisy - gaps(says["teacher", "plain"])


def raw_scores(says):
    """By name, of what the models say of each view; the larger the more suspicious."""
    teacher = says["teacher", "plain"]
    moved = lambda view: np.abs(np.exp(teacher) - np.exp(says["teacher", view])).sum(1)
    surprise = lambda student, of: -np.take_along_axis(student, of.argmax(1)[:, None], 1)[:, 0].clip(np.log(SMALLEST))
    log_odds = [np.diff(said)[:, 0] for (model, _), said in says.items() if model == "sentinel"]
    second, first = np.sort(teacher)[:, -2:].T
    return {
        "squeezing": np.max([moved(view) for view in ["bits", "median", "nlm"]], 0),
        "student": surprise(says["student", "plain"], teacher),
        "student on the median": surprise(says["student", "median"], teacher),
        "both on the median": surprise(says["student", "median"], says["teacher", "median"]),
        "sentinel": log_odds[0],
        "sentinel mirrored": log_odds[0] + log_odds[1],
        "sentinel mirrored four ways": np.sum(log_odds, 0),
        "noise": np.mean([moved(f"noise 8 {copy}") for copy in range(COPIES)], 0),
        "doubt": second - first,
        "certainty": first - second,
    }


def surprisal(scores, fit, tail=True):
    """-ln p with an exponential tail, as src/detect/ranks.rs has it, of all scores among those of the rows `fit`."""
    benign = np.sort(scores[fit])
    count, exceedances = len(benign), max(int(len(benign) * 0.05), 10)
    conformal = -np.log((1 + count - np.searchsorted(benign, scores)) / (count + 1))
    start = benign[count - exceedances - 1]
    mean_excess = (benign[-exceedances:] - start).mean()
    if not tail or mean_excess <= 0:
        return conformal
    beyond = -np.log(exceedances / (count + 1)) + (scores - start) / mean_excess
    return np.where(scores > start, np.maximum(conformal, beyond), conformal)


def threshold(scores, rate):
    return np.sort(scores)[len(scores) - int(rate * (len(scores) + 1) + 1e-9)]


class Split:
    """Which rows fit, set the threshold, teach and measure, and which adversarial ones choose and are reported."""

    def __init__(self, material, number):
        random = np.random.default_rng(number)
        benign, third = random.permutation(material.benign), material.calibrated // 3
        self.material, self.raw = material, material.raw
        self.fit, self.set, self.teach, self.fresh = np.split(benign, [third, 2 * third, material.calibrated])
        in_half_a = np.isin(material.seed, random.permutation(material.seeds)[: material.seeds // 2])
        self.half_a, self.half_b = (material.benign + np.flatnonzero(half) for half in [in_half_a, ~in_half_a])

    def surprisal(self, score):
        return surprisal(self.raw[score] if isinstance(score, str) else score, self.fit)

    def sum(self, weights, say=None):
        """The weighted sum of surprisals, which `say` gives for the name of a detector."""
        return sum(weight * (say or self.surprisal)(name) for name, weight in weights.items())

    def conformal(self, name):
        return surprisal(self.raw[name], self.fit, tail=False)

    def two_sided(self, name):
        return np.maximum(self.surprisal(name), self.surprisal(-self.raw[name]))

    def grouped(self, name, groups):
        """Surprisals among the benign pictures of one's own group, where it has enough; among all elsewhere."""
        result = self.surprisal(name)
        for group in np.unique(groups):
            own = self.fit[groups[self.fit] == group]
            if len(own) >= FEWEST_OF_GROUP:
                result[groups == group] = surprisal(self.raw[name], own)[groups == group]
        return result

    def by_class(self, name):
        return self.grouped(name, self.material.predicted)

    def by_confidence(self, name):
        confidence = -self.raw["doubt"]
        return self.grouped(name, np.searchsorted(np.quantile(confidence[self.fit], [0.25, 0.5, 0.75]), confidence))

    def odds(self, sigma):
        """Roth et al. 2019: the largest rise of another class beside the predicted one under noise, standardised by pair of
        classes. What a pair has too few benign pictures for is drawn to what all predicted classes have in common."""
        rise, predicted = self.material.rises[sigma], self.material.predicted
        common = rise[self.fit].mean(0), rise[self.fit].var(0)
        standard = np.empty_like(rise)
        for label in np.unique(predicted):
            own = rise[self.fit[predicted[self.fit] == label]]
            share = len(own) / (len(own) + SHRINKAGE)
            mean, variance = ((share * m(0) if len(own) else 0) + (1 - share) * c for m, c in zip([own.mean, own.var], common))
            mine = predicted == label
            standard[mine] = (rise[mine] - mean) / np.sqrt(variance + 1e-6)
        standard[np.arange(len(predicted)), predicted] = -np.inf
        return standard.max(1)

    def normal(self, names):
        """Scores as normal deviates by rank, with the tail's continuation: what one-class models are fitted to."""
        return np.stack([-norm.ppf(np.exp(-self.surprisal(name).clip(1e-3, 600))) for name in names], 1)

    def mahalanobis(self, vectors):
        benign = vectors[self.fit]
        centred = vectors - benign.mean(0)
        return np.einsum("ij,jk,ik->i", centred, np.linalg.inv(np.cov(benign.T)), centred)

    def cascade(self, share):
        first = self.surprisal("sentinel")
        return np.where(first > threshold(first[self.fit], share), self.sum(SHIPPED), first)

    def chosen(self, candidates):
        """Of the candidates the one with the best mean of mean and worst case at 1%, by half A, at thresholds that do not
        become its own: of many candidates some have a low one by luck."""
        attack = self.material.attack[self.half_a - self.material.benign]

        def value(score):
            flagged = score[self.half_a] > threshold(score[self.teach], 0.01)
            found = [flagged[attack == one].mean() for one in range(len(self.material.attacks))]
            return np.mean(found) + np.min(found)

        return max(candidates, key=value)

    def learnt(self, features, rows):
        """Weights, none below 0, of a logistic regression of benign pictures against the adversarial `rows`."""
        x = np.concatenate([features[self.teach], features[rows]]).clip(max=30)
        sign = np.repeat([-1.0, 1.0], [len(self.teach), len(rows)])
        share = np.repeat([0.5 / len(self.teach), 0.5 / len(rows)], [len(self.teach), len(rows)])

        def loss(weights):
            margin = sign * (x @ weights[1:] + weights[0])
            slope = -share * sign * np.exp(-np.logaddexp(0, margin))
            return share @ np.logaddexp(0, -margin), np.concatenate([[slope.sum()], slope @ x])

        bounds = [(None, None)] + [(0, None)] * x.shape[1]
        return minimize(loss, np.zeros(1 + x.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B").x[1:]


def ideas(split):
    """By name, its score of every row; of each attack apart where an idea learns from the other attacks."""
    raw, say, shipped = split.raw, split.surprisal, split.sum(SHIPPED)
    yield REFERENCE, shipped
    for name in SHIPPED:
        yield f"{name} alone", raw[name]
    for sigma in SIGMAS:
        odds = split.odds(sigma)
        yield f"log-odds under noise {sigma}/255", odds
        yield f"shipped + 0.25 log-odds under noise {sigma}/255", shipped + 0.25 * say(odds)
    for name in ["student on the median", "both on the median"]:
        yield name, raw[name]
        yield f"shipped, {name} for student", shipped + 0.5 * (say(name) - say("student"))
    doubts = {"doubt": say("doubt"), "doubt two-sided": split.two_sided("doubt")}
    for name, score in doubts.items():
        yield name, score
        yield f"shipped + 0.25 {name}", shipped + 0.25 * score
    yield "squeezing two-sided", split.two_sided("squeezing")
    yield "shipped, squeezing two-sided", shipped + 0.25 * (split.two_sided("squeezing") - say("squeezing"))
    for what, grouped in [("class", split.by_class), ("confidence", split.by_confidence)]:
        for name in SHIPPED:
            yield f"{name} by {what}", grouped(name)
        yield f"shipped by {what}", split.sum(SHIPPED, grouped)
    three, seven = split.normal(SHIPPED), split.normal(SEVEN)
    yield "Mahalanobis over three", split.mahalanobis(three)
    yield "Mahalanobis over seven", split.mahalanobis(seven)
    yield "shipped + 0.25 Mahalanobis over seven", shipped + 0.25 * say(split.mahalanobis(seven))
    yield "smallest p (Bonferroni)", np.max([say(name) for name in SHIPPED], 0)
    yield "equal weights (Fisher)", split.sum(dict.fromkeys(SHIPPED, 1))
    yield "shipped without the tails", split.sum(SHIPPED, split.conformal)
    for what, names in [("three", SHIPPED), ("eight", [*SEVEN, "certainty"])]:
        features = np.stack([say(name) for name in names], 1)
        attack = split.material.attack[split.half_a - split.material.benign]
        others = [split.half_a[attack != one] for one in range(len(split.material.attacks))]
        yield f"logistic regression over {what}", features @ split.learnt(features, split.half_a)
        yield f"the same, {what}, never seen the attack", [features @ split.learnt(features, rows) for rows in others]
    for share in [0.2, 0.1, 0.05]:
        yield f"cascade, {share:.0%} go past the sentinel", split.cascade(share)
    mirrored = {name: shipped + say(name) - say("sentinel") for name in ["sentinel mirrored", "sentinel mirrored four ways"]}
    for name, score in mirrored.items():
        yield name, raw[name]
        yield f"shipped, {name}", score
    bases, extras = [shipped, *mirrored.values()], [0, *doubts.values(), say(split.odds(8)), split.two_sided("squeezing")]
    yield "one sentinel, 0.25 one extra, chosen", split.chosen([base + 0.25 * extra for base in bases for extra in extras])
    yield "mirrored four ways + 0.25 doubt two-sided", bases[-1] + 0.25 * doubts["doubt two-sided"]


def measure(material):
    """By idea: by split, rate and adversarial row whether it was flagged, NaN where it chose; and the false positives."""
    found, false, attacks = {}, {}, len(material.attacks)
    shape = SPLITS, len(material.rates), len(material.attack)
    for number in range(SPLITS):
        split = Split(material, number)
        of_attack = [split.half_b[material.attack[split.half_b - material.benign] == one] for one in range(attacks)]
        for idea, scores in ideas(split):
            flagged = found.setdefault(idea, np.full(shape, np.nan, np.float32))
            wrongly = false.setdefault(idea, np.zeros(shape[1]))
            for rows, score in zip(of_attack, scores if isinstance(scores, list) else [scores] * attacks):
                for place, rate in enumerate(material.rates):
                    cut = threshold(score[split.set], rate)
                    flagged[number, place, rows - material.benign] = score[rows] > cut
                    wrongly[place] += (score[split.fresh] > cut).mean() / attacks / SPLITS
    return found, false


def by_attack(material, shares, times):
    """By rate, resample and attack the share found; `times` says how often each seed counts, a row a resample."""
    result = []
    for attack in range(len(material.attacks)):
        rows = material.attack == attack
        counts = times[:, material.seed[rows]]
        result.append(shares[:, rows] @ counts.T / counts.sum(1))
    return np.stack(result, 2)


def print_table(name, material, found, false):
    """A row an idea. The last columns are at 1%: the mean's deviation over the splits, and the differences to what is
    shipped in percentage points, with 95% intervals by resampling the seeds."""
    seeds = material.seeds
    drawn = np.random.default_rng(2).multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES)
    times = np.vstack([np.ones(seeds), drawn])
    shares = {idea: by_attack(material, np.nanmean(flagged, 0), times) for idea, flagged in found.items()}
    titles = [f"{100 * rate:g}%: {what}" for rate in material.rates for what in ["mean", "worst", "FPR"]]
    titles += ["split to split", "mean, beside shipped", "worst, beside shipped"]
    counts = ", ".join(f"{attack} {(material.attack == place).sum()}" for place, attack in enumerate(material.attacks))
    print(f"\n{name}: {material.benign} benign pictures, {material.calibrated} calibrate. Examples: {counts}\n")
    print(f"| {name} | {' | '.join(titles)} |\n" + "|---" * (len(titles) + 1) + "|")
    for idea, share in shares.items():
        cells = []
        for tpr, fpr in zip(share[:, 0], false[idea]):
            cells += [f"{tpr.mean():.3f}", f"{tpr.min():.3f}", f"{fpr:.2%}"]
        cells.append(f"{np.nanmean(found[idea][:, 1], 1).std():.3f}")
        for reduce in [np.mean, np.min]:
            difference = 100 * (reduce(share[1], axis=1) - reduce(shares[REFERENCE][1], axis=1))
            cells.append("{:+.1f} [{:+.1f}, {:+.1f}]".format(difference[0], *np.quantile(difference[1:], [0.025, 0.975])))
        print(f"| {idea} | {' | '.join(cells)} |")
    print("\nFound at 1% by attack:")
    for idea in BY_ATTACK:
        print(f"* {idea}:", ", ".join(f"{attack} {one:.3f}" for attack, one in zip(material.attacks, shares[idea][1, 0])))


def main():
    if not SHARED.exists() or not all(any(attacks(name)) for name in SETS):
        sys.exit(f"there is no {SHARED}, or no sentinels: run `make sentinels` first")
    cv2.setNumThreads(1)
    for name in SETS:
        material = Material(name)
        print_table(name, material, *measure(material))


if __name__ == "__main__":
    main()
