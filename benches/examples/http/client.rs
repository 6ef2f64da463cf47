//! A client of HTTP with one connection, which it opens again where the server closed it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// A client with one connection.
pub(crate) struct Client {
    address: String,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), stream: None, received: Vec::new() }
    }

    /// A connection to the server.
    pub(crate) fn connect(address: &str) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(stream)
    }

    /// The head of a request for a prediction.
    pub(crate) fn head(length: usize) -> String {
        format!(
            "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
        )
    }

    /// The status and the body of the answer to an image.
    pub(crate) fn predict(&mut self, image: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.predict_slowly(image, Duration::ZERO)
    }

    /// [`predict`](Self::predict), with a pause in the middle of the image.
    pub(crate) fn predict_slowly(&mut self, image: &[u8], pause: Duration) -> io::Result<(u16, Vec<u8>)> {
        let answer = self.exchange(image, pause);
        if !matches!(answer, Ok((_, _, true))) {
            self.stream = None;
        }
        answer.map(|(status, body, _)| (status, body))
    }

    /// The status, the body, and whether the connection stays open.
    fn exchange(&mut self, image: &[u8], pause: Duration) -> io::Result<(u16, Vec<u8>, bool)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(Self::connect(&self.address)?),
        };
        let head = Self::head(image.len());
        let (first, rest) = image.split_at(if pause.is_zero() { image.len() } else { image.len() / 2 });
        // The server may answer before it has read all.
        let mut written = stream.write_all(&[head.as_bytes(), first].concat());
        if !pause.is_zero() {
            thread::sleep(pause);
            written = written.and_then(|()| stream.write_all(rest));
        }
        self.received.clear();
        let mut buffer = [0; 16 << 10];
        loop {
            if let Some((status, start, length, stays)) = parsed(&self.received)
                && self.received.len() >= start + length
            {
                return Ok((status, self.received[start..start + length].to_vec(), stays && written.is_ok()));
            }
            match stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.received.extend_from_slice(&buffer[..read]),
                // This process was stopped and goes on.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The status of an answer, where its body starts, its length, and whether the connection stays open.
fn parsed(received: &[u8]) -> Option<(u16, usize, usize, bool)> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
    Some((status, end + 4, length, !head.contains("connection: close")))
}
