//! The flags of `headstart serve`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use headstart_server::Options;

use super::limits::{Bytes, ImageLimits};
use super::model::ModelFlags;
use super::values::at_least_one;

const CLIENTS: &str = "What clients may do";

/// Answer images over HTTP, and show a page to try the model on
///
/// POST /v1/predict answers an image, several in a form, or base64 in JSON. GET /v1/model describes the model; /healthz and
/// /metrics (Prometheus) are for those who watch over the server. Ctrl-C and SIGTERM end it after the requests at hand: exit
/// code 0.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  headstart serve model.safetensors\n  \
                        curl --data-binary @new.jpg http://127.0.0.1:8000/v1/predict")]
pub(crate) struct Serve {
    /// The head: a .safetensors that fit or train wrote, or a .h5
    pub(crate) model: PathBuf,

    /// Where to listen: an address or localhost, and a port. 0.0.0.0:8000 is for all who reach this machine, port 0 is a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8000", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Most images that are computed at a time, by all threads. What waits when a thread is free goes together, and nothing waits
    /// for more
    #[arg(long, value_name = "N", default_value_t = Options::default().max_batch, value_parser = at_least_one::<usize>)]
    pub(crate) max_batch: usize,

    /// Most images that wait; a request that brings more is answered with 503
    #[arg(long, value_name = "N", default_value_t = Options::default().max_queue, value_parser = at_least_one::<usize>)]
    pub(crate) max_queue: usize,

    #[command(flatten)]
    pub(crate) clients: Clients,

    #[command(flatten)]
    pub(crate) network: ModelFlags,

    #[command(flatten)]
    pub(crate) limits: ImageLimits,
}

/// What clients may do.
#[derive(Debug, Args)]
pub(crate) struct Clients {
    /// Names by which clients call this server, besides localhost and IP addresses. Requests to other names are refused, because a
    /// web page elsewhere can let its own name point here
    #[arg(long, help_heading = CLIENTS, value_name = "NAME,NAME", value_delimiter = ',')]
    allow_host: Vec<String>,

    /// Origins such as https://example.com whose web pages may read the answers, or * for all
    #[arg(long, help_heading = CLIENTS, value_name = "ORIGIN,ORIGIN", value_delimiter = ',')]
    allow_origin: Vec<String>,

    /// Most bytes of a request: bytes, or a number with K, M or G
    #[arg(long, help_heading = CLIENTS, value_name = "SIZE", default_value_t = Bytes(Options::default().max_body as u64))]
    max_body: Bytes,

    /// Most bytes of all requests that are in memory at a time
    #[arg(long, help_heading = CLIENTS, value_name = "SIZE", default_value_t = Bytes(Options::default().max_bodies as u64))]
    max_bodies: Bytes,

    /// Most connections at a time; more wait
    #[arg(long, help_heading = CLIENTS, value_name = "N", default_value_t = Options::default().max_connections,
        value_parser = at_least_one::<usize>)]
    max_connections: usize,

    /// How long a client may take to send the head of a request, its body, and to take the answer
    #[arg(long, help_heading = CLIENTS, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: Duration,

    /// How long requests at hand may take after Ctrl-C or SIGTERM
    #[arg(long, help_heading = CLIENTS, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    grace: Duration,
}

impl Serve {
    /// As the library takes them.
    pub(crate) fn options(&self) -> Options {
        let Clients { allow_host, allow_origin, max_body, max_bodies, max_connections, timeout, grace } =
            &self.clients;
        let bytes = |bytes: &Bytes| usize::try_from(bytes.0).unwrap_or(usize::MAX);
        let mut options = Options::default();
        options.max_batch = self.max_batch;
        options.max_queue = self.max_queue;
        options.max_body = bytes(max_body);
        options.max_bodies = bytes(max_bodies);
        options.max_connections = *max_connections;
        options.timeout = *timeout;
        options.grace = *grace;
        options.hosts.clone_from(allow_host);
        options.origins.clone_from(allow_origin);
        options
    }
}

/// An address and a port; of a name, its first address.
fn address(text: &str) -> Result<SocketAddr, String> {
    let address = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    address.ok_or_else(|| format!("expected an address and a port such as 127.0.0.1:8000, found {text}"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok().filter(|&number: &f64| number > 0.0);
    let duration = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    duration.ok_or_else(|| format!("expected a number of seconds above 0, found {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_ports_and_times_are_not_zero() {
        assert_eq!(address("0.0.0.0:80").unwrap().to_string(), "0.0.0.0:80");
        assert_eq!(address("[::1]:8000").unwrap().to_string(), "[::1]:8000");
        assert!(address("localhost:8000").unwrap().ip().is_loopback());
        for text in ["", "8000", "127.0.0.1", "127.0.0.1:99999", ":"] {
            assert!(address(text).unwrap_err().ends_with(&format!("found {text}")), "{text}");
        }
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "nan", "inf", "1e300", "x", ""] {
            assert!(seconds(text).unwrap_err().ends_with(&format!("found {text}")), "{text}");
        }
    }
}
