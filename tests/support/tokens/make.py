"""Two small spam filters over token ids, trained on messages that are made up here, with their tokenizers and golden ids.

    pip install numpy onnx tokenizers==0.23.2
    python tests/support/tokens/make.py

`wordpiece` lowers letters and knows no script but Latin, as BERT's small ones do; `bytes` spells any text, as GPT-2's does.
Both filters weigh embeddings of tokens by attention.
"""

import json
import pathlib
import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = pathlib.Path(__file__).parent
MULTILINGUAL = FOLDER.parent.parent / "golden/multilingual.tsv"
WIDTH = 12

NAMES = "anna ben clara david emma felix greta hasan ida jonas kemal lena marie noah olga paul rosa sofia tom yasmin".split()
PLACES = ["home", "school", "work", "the station", "the park", "the gym", "the office", "the market", "lunch", "town"]
TIMES = ["now", "tonight", "tomorrow", "later", "at six", "after lunch", "in an hour", "on monday", "this evening", "soon"]
THINGS = ["milk", "bread", "the keys", "my book", "the tickets", "your jacket", "the photos", "some fruit", "the notes"]
HAM = [
    "ok, i will call you {time}", "see you at {place} {time}", "hi {name}, are you at {place}?", "can you bring {thing} {time}?",
    "sorry {name}, i am late, see you {time}", "thanks for {thing}, it was great", "where are you? i am at {place}",
    "i am on my way to {place}", "do you want to go to {place} {time}?", "happy birthday {name}, have a nice day",
    "did you see {thing}? i can not find it", "{name} is at {place}, i will ask {time}", "no problem, take your time",
    "good morning, how are you {name}?", "i left {thing} at {place}", "let me know if you need {thing}", "good night {name}",
    "what time do we meet at {place}?", "mum says hi, call her {time}", "i love you, see you {time}", "yes", "ok", "lol",
    "we won the game at {place}!", "is it free {time}?", "i have no cash, can you pay?", "call me {time} please",
]
PRIZES = ["cash prize", "free phone", "holiday", "gift card", "bonus", "reward", "cash award", "voucher", "free entry"]
SPAM = [
    "free entry to win a {prize}! call {number} now to claim", "congratulations {name}, you won a {prize}. claim now",
    "urgent! you have been selected for a {prize}, call {number}", "win a {prize} today, text WIN to {number}",
    "claim your {prize} now, offer ends {time}, call {number}", "you are a winner! to claim the {prize} call {number}",
    "free {prize} waiting for you, reply YES or call {number}", "final notice: your {prize} expires {time}, claim now",
    "cheap loans, guaranteed cash, call {number} now", "hot singles near {place}, text CHAT to {number}",
    "exclusive offer: double your cash {time}, visit www.win-{number}.com", "txt CLAIM to {number} for your free {prize}",
]


def messages(count, seed):
    """Messages with 1 for spam: half of each, and ham of other languages."""
    chance = random.Random(seed)
    foreign = [line.split("\t", 1)[1] for line in MULTILINGUAL.read_text().splitlines()]

    def one(template):
        number = "".join(chance.choice("0123456789") for _ in range(chance.choice([5, 11])))
        slots = dict(name=NAMES, place=PLACES, time=TIMES, thing=THINGS, prize=PRIZES)
        text = template.format(number=number, **{slot: chance.choice(words) for slot, words in slots.items()})
        return chance.choice([str, str.capitalize, str.capitalize, str.upper])(text)

    def ham():
        return chance.choice(foreign) if chance.random() < 0.2 else one(chance.choice(HAM))

    made = [(one(chance.choice(SPAM)), 1) if index % 2 else (ham(), 0) for index in range(count)]
    # Words that nobody knows say nothing.
    letters = "abcdefghijklmnopqrstuvwxyz"
    unknown = lambda: "".join(chance.choice(letters) for _ in range(chance.randint(2, 9)))
    return [(" ".join([text] + [unknown() for _ in range(chance.randint(0, 3))]), label) for text, label in made]


def wordpiece(texts):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789.,:;!?-'")
    trainer = trainers.WordPieceTrainer(
        vocab_size=700, special_tokens=special, initial_alphabet=alphabet, limit_alphabet=len(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator([text for text in texts if text.isascii()], trainer)
    ids = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS]:0 $A:0 [SEP]:0", special_tokens=ids)
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    tokenizer.enable_truncation(64)
    return tokenizer


def byte_pairs(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def padded(tokenizer, texts):
    rows = [encoding.ids or [0] for encoding in tokenizer.encode_batch(texts)]
    length = max(map(len, rows))
    mask = np.array([[index < len(row) for index in range(length)] for row in rows], dtype=np.float32)
    ids = np.array([row + [0] * (length - len(row)) for row in rows])
    return ids, mask * (ids != 0)


def trained(tokenizer, sample, epochs=30, rate=0.02):
    """Embeddings E, attention q, weights W and bias b: z = W sum(softmax(E q) E) + b."""
    chance = np.random.default_rng(1)
    ids, mask = padded(tokenizer, [text for text, _ in sample])
    labels = np.eye(2, dtype=np.float32)[[label for _, label in sample]]
    weights = dict(
        E=chance.normal(0, 0.1, (tokenizer.get_vocab_size(), WIDTH)),
        q=chance.normal(0, 0.1, WIDTH), W=chance.normal(0, 0.3, (2, WIDTH)), b=np.zeros(2),
    )
    moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in weights.items()}
    step = 0
    for _ in range(epochs):
        for part in np.array_split(chance.permutation(len(sample)), len(sample) // 64):
            gradients = gradient(weights, ids[part], mask[part], labels[part])
            step += 1
            for name, g in gradients.items():
                g = g + 1e-4 * weights[name]
                first, second = moments[name]
                first += 0.1 * (g - first)
                second += 0.001 * (g * g - second)
                corrected = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
                weights[name] -= rate * corrected
    return weights


def forward(weights, ids, mask):
    e = weights["E"][ids]
    scores = np.where(mask > 0, e @ weights["q"], -1e9)
    share = np.exp(scores - scores.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    pooled = (share[..., None] * e).sum(1)
    z = pooled @ weights["W"].T + weights["b"]
    p = np.exp(z - z.max(1, keepdims=True))
    return e, share, pooled, p / p.sum(1, keepdims=True)


def gradient(weights, ids, mask, labels):
    e, share, pooled, p = forward(weights, ids, mask)
    dz = (p - labels) / len(labels)
    dp = dz @ weights["W"]
    ds = (e * dp[:, None]).sum(2)
    ds = share * (ds - (share * ds).sum(1, keepdims=True))
    de = share[..., None] * dp[:, None] + ds[..., None] * weights["q"]
    dE = np.zeros_like(weights["E"])
    np.add.at(dE, ids, de)
    return dict(E=dE, q=(ds[..., None] * e).sum((0, 1)), W=dz.T @ pooled, b=dz.sum(0))


def exported(weights, kind, names):
    """ids and mask, and types if there is a third name, of the ONNX type `kind` to probabilities."""
    shape = ["batch", "length"]
    constants = dict(weights, q=weights["q"][:, None], W=weights["W"].T, far=[[[-1e9]]], one=[[[1.0]]])
    if len(names) > 2:
        constants["T"] = np.zeros((2, WIDTH))
    constants = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()]
    constants += [numpy_helper.from_array(np.array([axis]), f"axis{axis}") for axis in (1, 2)]
    node = helper.make_node
    looked_up = [node("Gather", ["E", names[0]], ["e"])]
    if len(names) > 2:
        looked_up = [
            node("Gather", ["E", names[0]], ["of_ids"]), node("Gather", ["T", names[2]], ["of_types"]),
            node("Add", ["of_ids", "of_types"], ["e"]),
        ]
    nodes = looked_up + [
        node("MatMul", ["e", "q"], ["scores"]),
        node("Cast", [names[1]], ["seen2"], to=TensorProto.FLOAT), node("Unsqueeze", ["seen2", "axis2"], ["seen"]),
        node("Sub", ["one", "seen"], ["unseen"]), node("Mul", ["unseen", "far"], ["hidden"]),
        node("Add", ["scores", "hidden"], ["heard"]), node("Softmax", ["heard"], ["share"], axis=1),
        node("Mul", ["share", "e"], ["parts"]), node("ReduceSum", ["parts", "axis1"], ["pooled"], keepdims=0),
        node("MatMul", ["pooled", "W"], ["weighed"]), node("Add", ["weighed", "b"], ["z"]),
        node("Softmax", ["z"], ["probabilities"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info(name, kind, shape) for name in names]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2])]
    graph = helper.make_graph(nodes, "filter", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main():
    sample, fresh = messages(4000, 1), messages(1000, 2)
    texts = [text for text, _ in sample]
    subjects = [line.split("\t", 1)[1] for line in MULTILINGUAL.read_text().splitlines()]
    subjects += ["", " ", "[CLS] and [MASK]", "Free entry! Call 09061701461 NOW", "Frее еntry tо wіn", "fr\u200bee", "é e\u0301 ﬁ ½"]
    golden = {"texts": subjects}
    three = ["input_ids", "attention_mask", "token_type_ids"]
    for name, tokenizer, kind, names in [
        ("wordpiece", wordpiece(texts), TensorProto.INT64, three),
        ("bytes", byte_pairs(texts), TensorProto.INT32, three[:2]),
    ]:
        weights = trained(tokenizer, sample)
        ids, mask = padded(tokenizer, [text for text, _ in fresh])
        right = forward(weights, ids, mask)[3].argmax(1) == [label for _, label in fresh]
        print(f"{name}: {tokenizer.get_vocab_size()} tokens, {right.mean():.4f} of fresh messages read rightly")
        (FOLDER / f"{name}.onnx").write_bytes(exported(weights, kind, names))
        (FOLDER / f"{name}.json").write_text(tokenizer.to_str(pretty=False) + "\n")
        golden[name] = [tokenizer.encode(text).ids for text in subjects]
    (FOLDER / "golden.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")
    lines = [f"{'spam' if label else 'ham'}\t{text}\n" for text, label in messages(1200, 3)]
    (FOLDER / "messages.tsv").write_text("".join(lines))


if __name__ == "__main__":
    main()
