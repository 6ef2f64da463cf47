//! Many clients, slow ones, clients that go away, and the end of a server.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::{Response, form, is_same, place};
use headstart_server::Options;

fn options(threads: usize) -> Options {
    let mut options = Options::default();
    options.threads = threads;
    options
}

#[test]
fn what_waits_goes_together_and_has_the_same_bits_as_alone() {
    let images = place().answered();
    for threads in [1, 3] {
        let server = place().server(options(threads));
        thread::scope(|scope| {
            for _ in 0..3 {
                for (image, prediction) in &images {
                    let server = &server;
                    scope.spawn(move || is_same(&server.predict(image).json(), prediction));
                }
            }
        });
        assert_eq!(server.figure("headstart_images_total{outcome=\"answered\"}"), 36.0);
    }
    // One thread finds all images of a form at once.
    let server = place().server(options(1));
    let parts: Vec<(&str, &[u8])> = images.iter().map(|(image, _)| ("a.png", &image[..])).collect();
    let (kind, body) = form(&parts);
    let answers = server.send("POST /v1/predict", &[&kind], &body).json();
    for (answer, (_, prediction)) in answers["answers"].as_array().unwrap().iter().zip(&images) {
        is_same(answer, prediction);
    }
    let most = Options::default().max_batch;
    assert_eq!(server.figure("headstart_batch_images_count"), 12_usize.div_ceil(most) as f64);
    assert_eq!(server.figure("headstart_batch_images_sum"), 12.0);
}

#[test]
fn a_full_queue_turns_requests_away_and_loses_none_that_it_took() {
    let mut options = options(1);
    options.max_queue = 2;
    let server = place().server(options);
    let (image, prediction) = &place().answered()[0];
    let answers: Vec<Response> = thread::scope(|scope| {
        let threads: Vec<_> = (0..40).map(|_| scope.spawn(|| server.predict(image))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for answer in &answers {
        if answer.status == 200 {
            is_same(&answer.json(), prediction);
        } else {
            answer.is_problem(503, "images wait, of at most 2");
            assert_eq!(answer.header("retry-after"), "1");
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert_eq!(server.figure("headstart_queue_images"), 0.0);
}

#[test]
fn slow_clients_are_ended_and_others_do_not_wait_for_them() {
    let mut options = options(1);
    options.timeout = Duration::from_millis(700);
    let server = place().server(options);
    let (image, prediction) = &place().answered()[0];
    let start = Instant::now();
    let slow = |begin: &[u8]| {
        let mut stream = server.connect();
        stream.write_all(begin).unwrap();
        stream
    };
    let head = slow(b"POST /v1/predict HTTP/1.1\r\nHost: local");
    let body = slow(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nsome");
    let nothing = slow(b"");
    // One that sends a byte now and then.
    let mut trickle = slow(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
    let mut sender = trickle.try_clone().unwrap();
    let sending = thread::spawn(move || {
        while sender.write_all(b"x").is_ok() && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(100));
        }
    });
    is_same(&server.predict(image).json(), prediction);
    Response::read(body).is_problem(408, "did not arrive within 0.7 seconds");
    for stream in [head, nothing] {
        assert!([0, 408].contains(&Response::read(stream).status));
    }
    let mut first = [0; 12];
    trickle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 408");
    // The server may have closed it already.
    let _ = trickle.shutdown(Shutdown::Both);
    sending.join().unwrap();
    // An idle connection ends, too.
    let mut idle = server.connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(Response::read(idle).status, 200);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn clients_that_go_away_cost_nobody_an_answer() {
    let server = place().server(options(1));
    let images = place().answered();
    for round in 0..40 {
        let (image, _) = &images[round % images.len()];
        let mut stream = server.connect();
        let length = image.len();
        let head =
            format!("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(if round % 2 == 0 { image } else { &image[..50] });
        drop(stream);
    }
    for garbage in
        [&b"\x16\x03\x01\x02\0\x01\0"[..], b"GET\r\n\r\n", b"\0\0\0\0", b"POST /v1/predict HTTP/9.9\r\n\r\n"]
    {
        let _ = server.raw(garbage);
    }
    for (image, prediction) in &images {
        is_same(&server.predict(image).json(), prediction);
    }
    let deadline = Instant::now() + Duration::from_secs(200);
    while server.figure("headstart_connections") > 1.0 {
        assert!(Instant::now() < deadline, "connections stay open");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn bodies_take_no_more_memory_than_is_set_aside() {
    let mut options = options(1);
    (options.max_body, options.max_bodies) = (40_000, 60_000);
    // On a busy machine what is held must not end by itself.
    options.timeout = Duration::from_secs(600);
    let server = place().server(options);
    let (image, prediction) = &place().answered()[0];
    let hold = || -> TcpStream {
        let mut stream = server.connect();
        stream
            .write_all(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000\r\n\r\n")
            .unwrap();
        stream.write_all(&vec![0; 29_000]).unwrap();
        stream
    };
    let deadline = Instant::now() + Duration::from_secs(200);
    let mut wait = Duration::from_millis(50);
    // A body that comes while those before it are still read may take their place: then it is tried again.
    let held = loop {
        let held = [hold(), hold()];
        thread::sleep(wait);
        let answer = server.predict(&vec![0; 5000]);
        if answer.status == 503 {
            answer.is_problem(503, "fill the memory that is set aside");
            break held;
        }
        assert!(Instant::now() < deadline, "all of it was taken");
        wait *= 2;
    };
    drop(held);
    // What they held is free again.
    while server.predict(image).status != 200 {
        assert!(Instant::now() < deadline);
    }
    is_same(&server.predict(image).json(), prediction);
}

#[test]
fn a_server_that_is_stopped_finishes_what_it_has_accepted() {
    let images = place().answered();
    let mut server = place().server(options(1));
    let address = server.address;
    let clients: Vec<_> = (0..24)
        .map(|index| {
            let (image, prediction) = images[index % images.len()].clone();
            let mut stream = server.connect();
            let length = image.len();
            let head =
                format!("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            // Half of the body comes after the server was asked to stop.
            let (first, rest) = image.split_at(length / 2);
            stream.write_all(first).unwrap();
            (stream, rest.to_vec(), prediction)
        })
        .collect();
    let idle = server.connect();
    let senders: Vec<_> = clients
        .into_iter()
        .map(|(mut stream, rest, prediction)| {
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(300));
                stream.write_all(&rest).unwrap();
                let response = Response::read(stream);
                assert_eq!(response.status, 200, "{response:?}");
                is_same(&response.json(), &prediction);
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(100));
    assert!(server.end(), "all was finished");
    for sender in senders {
        sender.join().unwrap();
    }
    assert!(TcpStream::connect(address).is_err(), "nothing is accepted any more");
    drop(idle);
}

#[test]
fn a_server_that_is_stopped_does_not_wait_for_ever() {
    let mut options = options(1);
    options.grace = Duration::from_millis(300);
    let mut server = place().server(options);
    let mut stream = server.connect();
    stream
        .write_all(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nsome")
        .unwrap();
    thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    assert!(!server.end());
    assert!(start.elapsed() < Duration::from_secs(10));
}
