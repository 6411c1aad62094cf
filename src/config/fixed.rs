//! What only a start reads, and what a reload may change.

use std::path::Path;

use super::mistake::{Location, Mistake};
use super::types::{Admin, Config, Server, Workers};

impl Config {
    /// The keys that differ in `next` and can't be taken up while the process runs, each as a mistake.
    pub fn fixed_keys_changed(&self, next: &Self) -> Vec<Mistake> {
        let Self { path: _, server, admin, upstream: _, workers, evidence, audit, tracing, models: _ } = self;
        let Server {
            listen,
            rest_listen,
            max_message_bytes,
            max_inspected_bytes: _,
            max_connections,
            max_inflight_requests,
            max_inflight_bytes,
            max_inspected_pixels: _,
            max_inspected_text: _,
            max_inflight_examinations: _,
            keep_alive: _,
            drain_delay: _,
            drain_grace: _,
            reload_every: _,
            streams: _,
            shared_memory: _,
        } = server;
        let Admin { listen: operators, token_file, anonymous, page } = admin;
        let Workers { count, device, batching, intra_threads, queue, onnxruntime } = workers;
        let keys = [
            ("server.listen", listen.address != next.server.listen.address),
            ("server.rest_listen", rest_listen.as_deref() != next.server.rest_listen.as_deref()),
            ("server.tls", listen.tls != next.server.listen.tls),
            ("server.max_message_bytes", *max_message_bytes != next.server.max_message_bytes),
            ("server.max_connections", *max_connections != next.server.max_connections),
            ("server.max_inflight_requests", *max_inflight_requests != next.server.max_inflight_requests),
            ("server.max_inflight_bytes", *max_inflight_bytes != next.server.max_inflight_bytes),
            ("admin.listen", operators.address != next.admin.listen.address),
            ("admin.tls", operators.tls != next.admin.listen.tls),
            ("admin.token_file", *token_file != next.admin.token_file),
            ("admin.anonymous", *anonymous != next.admin.anonymous),
            ("admin.page", *page != next.admin.page),
            ("workers.count", *count != next.workers.count),
            ("workers.device", *device != next.workers.device),
            ("workers.batch", batching.size != next.workers.batching.size),
            ("workers.batch_wait", batching.wait != next.workers.batching.wait),
            ("workers.intra_threads", *intra_threads != next.workers.intra_threads),
            ("workers.queue", *queue != next.workers.queue),
            ("workers.onnxruntime", *onnxruntime != next.workers.onnxruntime),
            ("evidence", *evidence != next.evidence),
            ("audit", *audit != next.audit),
            ("tracing", *tracing != next.tracing),
        ];
        let changed = keys.into_iter().filter_map(|(key, changed)| changed.then_some(key));
        let message = |key| format!("{key} has changed, which takes a restart");
        changed.map(|key| Mistake { at: Location::Default, message: message(key) }).collect()
    }

    /// The files that it came from and that a reload reads again: itself, profiles and models.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let models = self.models.iter().flat_map(|model| {
            let companions: Vec<_> = model.students.iter().chain(&model.sentinels).collect();
            let inputs = std::iter::once(&model.input).chain(companions.iter().map(|companion| &companion.input));
            let tokenizers = inputs.filter_map(|input| Some(&input.tokens.as_ref()?.tokenizer)).collect::<Vec<_>>();
            let companions = companions.into_iter().map(|companion| &companion.path);
            model.path.iter().chain([&model.profile]).chain(&model.classes).chain(companions).chain(tokenizers)
        });
        self.path.as_deref().into_iter().chain(models.map(|path| path.value.as_path()))
    }
}
