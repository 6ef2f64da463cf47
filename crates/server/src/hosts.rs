//! By which names a client may call the server.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, Version, header};

use crate::problem::Problem;

/// Names that are no IP addresses.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    named: Vec<String>,
}

impl Hosts {
    pub(crate) fn new(named: &[String]) -> Self {
        Self { named: named.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    /// Checks the name that a request was sent to. A page elsewhere can make its own name point here, but not an IP address
    /// or `localhost`.
    pub(crate) fn check(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let mut given = headers.get_all(header::HOST).iter();
        let refused = |status, found: &str| {
            let expected = "expected an IP address, localhost or a name that this server was started with";
            Err(Problem::new(status, format!("Host: {expected}, found {found}")))
        };
        let host = match (given.next(), given.next()) {
            (Some(host), None) => host,
            // Version 1.0 has no such header, and no browser speaks it.
            (None, _) if version < Version::HTTP_11 => return Ok(()),
            (None, _) => return refused(StatusCode::BAD_REQUEST, "none"),
            (Some(_), Some(_)) => return refused(StatusCode::BAD_REQUEST, "several"),
        };
        let of_header = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
        let Some(of_header) = of_header else {
            return refused(StatusCode::BAD_REQUEST, &format!("{host:?}"));
        };
        for authority in [Some(&of_header), uri.authority()].into_iter().flatten() {
            if !self.allows(authority.host()) {
                return refused(StatusCode::MISDIRECTED_REQUEST, authority.host());
            }
        }
        Ok(())
    }

    fn allows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_address = match in_brackets {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => host.parse::<IpAddr>().is_ok(),
        };
        is_address || host == "localhost" || self.named.iter().any(|name| name == host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_page_elsewhere_could_have_are_refused() {
        let hosts = Hosts::new(&["Photos.example.org".to_owned()]);
        let check = |host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            hosts.check(Version::HTTP_11, &Uri::from_static("/"), &headers).map_err(|problem| problem.status)
        };
        for host in
            ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "10.0.0.7", "photos.example.org."]
        {
            assert_eq!(check(host), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "photos.example.org.x"]
        {
            assert_eq!(check(host), Err(StatusCode::MISDIRECTED_REQUEST), "{host}");
        }
        for host in ["", "a b", "[::1"] {
            assert_eq!(check(host), Err(StatusCode::BAD_REQUEST), "{host}");
        }
        let absolute = Uri::from_static("http://evil.example/v1/predict");
        let headers = HeaderMap::from_iter([(header::HOST, "localhost".parse().unwrap())]);
        assert!(hosts.check(Version::HTTP_11, &absolute, &headers).is_err());
        assert!(hosts.check(Version::HTTP_11, &Uri::from_static("/"), &HeaderMap::new()).is_err());
        assert!(hosts.check(Version::HTTP_10, &Uri::from_static("/"), &HeaderMap::new()).is_ok());
    }
}
