//! `portcullis tail`

use std::io::{ErrorKind, Write};

use anyhow::{Result, bail};
use futures_util::{StreamExt, TryStreamExt};
use portcullis::gateway::{Detected, Inspected, Operator};

use super::peer::Admin;
use super::texts::copies;
use super::{Common, paint, setup};

#[derive(clap::Args)]
pub struct Arguments {
    /// Only detections of this model.
    #[arg(long, default_value = "", hide_default_value = true)]
    model: String,
    /// End after so many detections; go on until the gateway ends if not given.
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<usize>,
    #[command(flatten)]
    admin: Admin,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    setup::small_runtime()?.block_on(tail(common, arguments))
}

async fn tail(common: &Common, arguments: &Arguments) -> Result<()> {
    let endpoint = arguments.admin.endpoint(common)?;
    let operator = Operator::connect(&endpoint, arguments.admin.token()?.as_deref()).await?;
    let detections = operator.watch(&arguments.model).await?;
    tracing::info!(gateway = %endpoint, "watching");
    let mut detections = std::pin::pin!(detections.take(arguments.count.unwrap_or(usize::MAX)));
    let mut seen = 0;
    while let Some(detected) = detections.try_next().await? {
        let line = if common.json { serde_json::to_string(&detected)? } else { line(&detected) };
        match writeln!(std::io::stdout(), "{line}") {
            // Nobody reads any more.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
        seen += 1;
    }
    match arguments.count {
        Some(count) if seen == count => Ok(()),
        _ => bail!("the gateway on {endpoint} has ended"),
    }
}

/// A detection in a line: when, what, why, under which id, and of a text how it begins.
fn line(detected: &Detected) -> String {
    let Detected { id, time, model, decision, reason, action, items } = detected;
    let worst =
        items.iter().filter(|item| item.reason.is_empty()).min_by(|one, other| one.p_value.total_cmp(&other.p_value));
    let why = worst.filter(|_| reason.is_empty()).map_or_else(|| reason.clone(), why);
    let text = worst.or(items.first()).and_then(|item| item.text.as_deref());
    let text = text.map_or(String::new(), |text| format!("  {}", copies::excerpt(text)));
    format!("{time}  {}  {model}  {action}  {why}  {id}{text}", paint::decision(decision))
}

/// How suspicious an item is, and who says what of it.
fn why(item: &Inspected) -> String {
    let loudest = item.evidence.iter().min_by(|one, other| one.p_value.total_cmp(&other.p_value));
    let detector = loudest.map_or(String::new(), |evidence| format!(" by {}", evidence.detector));
    let classes: Vec<String> = item.predictions.iter().map(|(_, class, _)| class.to_string()).collect();
    format!("p={:.1e}{detector}, classes {}", item.p_value, classes.join(" "))
}
