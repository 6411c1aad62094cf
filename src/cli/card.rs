//! The model card of a trained network (Mitchell et al. 2019): what it is, how it was made, how good it is.

use std::fmt;

use portcullis::train::{Method, Supervision};

use super::training::Outcome;

/// A model card as Markdown.
pub struct Card<'a>(pub &'a Outcome<'a>);

impl fmt::Display for Card<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { task, plan, trained, test, data, took, difference, .. } = self.0;
        let (architecture, best) = (&plan.architecture, &trained.history[trained.best]);
        let (title, right) = match &task.supervision {
            Supervision::Teacher(_) => ("Distilled student", "Agreement with the teacher"),
            Supervision::Labels { .. } => ("Classifier", "Accuracy"),
            Supervision::Attacks(_) => ("Sentinel", "Benign and adversarial told apart"),
        };
        writeln!(f, "# {title}\n")?;
        writeln!(f, "Made by `portcullis` {}.\n", env!("CARGO_PKG_VERSION"))?;
        if let Supervision::Teacher(teacher) = &task.supervision {
            let model = teacher.model();
            let name = model.path().file_name().unwrap_or_default().to_string_lossy();
            writeln!(f, "* **Teacher**: `{name}`, SHA-256 `{}`, asked as a black box", model.sha256())?;
            writeln!(f, "* **Temperature**: {}", plan.objective.temperature)?;
        }
        if let Supervision::Attacks(attacks) = &task.supervision {
            let (model, eps) = (attacks.classifier().model(), attacks.eps() * 255.0);
            let name = model.path().file_name().unwrap_or_default().to_string_lossy();
            writeln!(f, "* **Learnt from**: attacks on `{name}`, SHA-256 `{}`", model.sha256())?;
            writeln!(
                f,
                "* **Attacks**: gradient steps (1 to 10) within Linf (up to {eps:.1}/255), L2 and L1, away from the class \
                 or towards another; those that succeed. Benign: the pictures, and the same with noise as strong"
            )?;
        }
        let (input, output) = (&task.contract.input, &task.contract.output);
        let layout = format!("{:?}", input.layout).to_uppercase();
        writeln!(
            f,
            "* **Takes** `{}`, {} {layout} of {}x{} pixels; values from {} to {}, minus {:?}, divided by {:?}",
            input.name,
            input.datatype,
            input.height,
            input.width,
            input.range[0],
            input.range[1],
            input.mean,
            input.std
        )?;
        let kind = format!("{:?}", output.kind).to_lowercase();
        writeln!(f, "* **Answers** `{}`, {kind} over {} classes", output.name, output.classes)?;
        let millions = architecture.multiply_adds() as f64 / 1e6;
        writeln!(f, "* **Network**: {}, residual, {millions:.1} million multiply-adds a picture", architecture.size)?;
        let [training, validation] = trained.pictures;
        writeln!(
            f,
            "* **Data**: `{}`, {training} pictures to train on, {validation} to validate with",
            data.display()
        )?;
        match plan.objective.robust {
            None => writeln!(f, "* **Robustness**: not trained against an adversary")?,
            Some(robust) => {
                let method = match robust.method {
                    Method::Ard => "adversarially robust distillation (ARD)",
                    Method::Trades => "after TRADES",
                };
                let eps = robust.adversary.eps * 255.0;
                writeln!(
                    f,
                    "* **Robustness**: {method}, changes of up to {eps:.1}/255 found in {} steps, weight {}",
                    robust.adversary.steps, robust.weight
                )?;
            }
        }
        writeln!(
            f,
            "* **Training**: {} of {} epochs, the weights of epoch {}; batches of {}, learning rate {}, seed {}; {:.0} s",
            trained.history.len(),
            plan.epochs,
            trained.best + 1,
            plan.batch,
            plan.learning_rate,
            plan.seed,
            took.as_secs_f64()
        )?;
        writeln!(f, "\n| measured on | pictures | {right} |\n|---|---|---|")?;
        writeln!(f, "| validation | {validation} | {:.4} |", best.agreement)?;
        if let Some(perturbed) = best.perturbed {
            writeln!(f, "| validation, perturbed as in training | {validation} | {perturbed:.4} |")?;
        }
        if let Some((share, pictures)) = test {
            writeln!(f, "| test half | {pictures} | {share:.4} |")?;
        }
        writeln!(
            f,
            "\nThe exported file differs from the trained network by at most {difference:.1e} in any probability."
        )?;
        writeln!(
            f,
            "\nMeant to stand beside a classifier in `portcullis serve`, not to replace it: it knows the classes and the \
             kind of pictures that it was trained on, and nothing else."
        )
    }
}
