//! The server: from a listening socket to the last answer.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use headstart::ReadyPredictor;
use tokio::net::TcpListener as AsyncListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::app::{App, router};
use crate::bodies::Bodies;
use crate::hosts::Hosts;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::workers::Workers;
use crate::{Error, ModelRecord, Options, connection};

/// How long nothing is accepted after the system refused a connection: it may have no files left.
const REFUSED: Duration = Duration::from_millis(100);

/// Connections that are still accepted when the server stops, at most: as many as a system lets wait by default.
const WAITING: usize = 128;

/// A server that listens.
///
/// ```no_run
/// use headstart::{Backbone, Classifier, Description, Predictor};
/// use headstart_server::{ModelRecord, Options, Server};
///
/// let classifier = Classifier::load("photos.safetensors")?;
/// let backbone = Backbone::open("efficientnet_lite2.safetensors")?;
/// let predictor = Predictor::new(&classifier, &backbone)?.ready()?;
/// let model = ModelRecord::new("photos", &classifier, &classifier.complete(Description::default())?);
/// let server = Server::bind("127.0.0.1:8000".parse()?, predictor, &model, Options::default())?;
/// let stop = server.stop();
/// std::thread::spawn(move || {
///     std::thread::sleep(std::time::Duration::from_secs(60));
///     stop.stop();
/// });
/// server.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    router: Router,
    workers: Workers,
    options: Options,
    stop: Stop,
}

/// Asks a server to stop.
#[derive(Debug, Clone)]
pub struct Stop {
    stopping: Arc<watch::Sender<bool>>,
}

impl Stop {
    /// The server accepts no more connections, answers the requests that have arrived, and ends.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }
}

impl Server {
    /// Listens on an address, and starts the threads that compute. Connections wait until [`run`](Self::run).
    ///
    /// # Errors
    /// An address where nothing can listen; a setting that can't be used; a system that has no threads left.
    pub fn bind(
        address: SocketAddr,
        predictor: ReadyPredictor,
        model: &ModelRecord,
        options: Options,
    ) -> Result<Self, Error> {
        let listen = |cause| Error::Listen { address, cause };
        let listener = TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        for (setting, value) in [
            ("max_batch", options.max_batch),
            ("max_queue", options.max_queue),
            ("max_body", options.max_body),
            ("max_connections", options.max_connections.min(Semaphore::MAX_PERMITS)),
        ] {
            if value == 0 {
                return Err(Error::Setting { setting, message: "expected at least 1, found 0".to_owned() });
            }
        }
        let max_connections = options.max_connections.min(u32::MAX as usize);
        let model = serde_json::to_string(model).map_err(|error| Error::Setting {
            setting: "model",
            message: format!("can't be described in JSON: {error}"),
        })?;
        let metrics = Arc::new(Metrics::new());
        let queue = Arc::new(Queue::new(options.max_queue, Arc::clone(&metrics)));
        let app = Arc::new(App {
            classes: predictor.classes().to_vec(),
            model,
            bodies: Bodies::new(options.max_body, options.max_bodies.max(options.max_body), options.timeout),
            hosts: Hosts::new(&options.hosts),
            queue: Arc::clone(&queue),
            max_queue: options.max_queue,
            metrics: Arc::clone(&metrics),
            connections: Arc::new(Semaphore::new(max_connections)),
        });
        let router = router(Arc::clone(&app), &options.origins)?;
        let threads = if options.threads > 0 { options.threads } else { rayon::current_num_threads() };
        let workers = Workers::start(predictor, threads, options.max_batch, queue, metrics)?;
        let stop = Stop { stopping: Arc::new(watch::Sender::new(false)) };
        Ok(Self { listener, address: bound, app, router, workers, options, stop })
    }

    /// Where it listens. The port is a free one if port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What asks it to stop.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Serves until it is asked to stop, and finishes what it has accepted. Returns whether all of it was finished within
    /// [`Options::grace`].
    ///
    /// # Errors
    /// The system refuses timers or the socket.
    pub fn run(self) -> Result<bool, Error> {
        let Self { listener, address, app, router, workers, options, stop } = self;
        // One thread for all connections: it only moves bytes. Texts in base64 are decoded on others.
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().max_blocking_threads(2).build().map_err(Error::threads)?;
        let is_finished = runtime.block_on(async {
            let listener = AsyncListener::from_std(listener);
            let listener = listener.map_err(|cause| Error::Listen { address, cause })?;
            let stopping = stop.stopping.subscribe();
            accept(listener, &app, &router, options.timeout, stopping).await;
            // All permits are back when all connections have ended.
            let all = app.connections.acquire_many(options.max_connections.min(u32::MAX as usize) as u32);
            Ok(timeout(options.grace, all).await.is_ok())
        });
        drop(workers);
        is_finished
    }
}

/// Accepts connections until the server stops, and then those that wait already.
async fn accept(
    listener: AsyncListener,
    app: &Arc<App>,
    router: &Router,
    timeout: Duration,
    stopping: watch::Receiver<bool>,
) {
    let (mut asked, mut left) = (stopping.clone(), WAITING);
    loop {
        let next = async {
            // It is never closed.
            let permit = Arc::clone(&app.connections).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let stopped = asked.wait_for(|stopping| *stopping);
        let (permit, accepted) = tokio::select! {
            biased;
            next = next => next,
            _ = stopped => return,
        };
        let Ok((stream, _)) = accepted else {
            sleep(REFUSED).await;
            continue;
        };
        let (app, router, stopping) = (Arc::clone(app), router.clone(), stopping.clone());
        app.metrics.opened();
        tokio::spawn(async move {
            connection::serve(stream, router, timeout, stopping).await;
            app.metrics.closed();
            drop(permit);
        });
        // Clients that come faster than they are accepted must not keep it from stopping.
        if *asked.borrow() {
            left -= 1;
        }
        if left == 0 {
            return;
        }
    }
}
