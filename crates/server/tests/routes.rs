//! Each route, and each error.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Response, form, is_same, place};
use headstart_server::Options;
use serde_json::json;

#[test]
fn an_image_gets_the_bits_that_predict_gives_it_however_it_is_sent() {
    let server = place().server(Options::default());
    let images = place().answered();
    assert_eq!(images.len(), 12);
    for (image, prediction) in &images {
        let response = server.predict(image);
        assert_eq!((response.status, response.header("content-type")), (200, "application/json"));
        is_same(&response.json(), prediction);
        assert_eq!(response.json().get("path"), None);
    }
    let (image, prediction) = &images[7];
    is_same(&server.send("POST /v1/predict", &[], image).json(), prediction);
    // curl and wget call any bytes a form.
    for kind in ["application/octet-stream", "application/x-www-form-urlencoded"] {
        let kind = format!("Content-Type: {kind}");
        is_same(&server.send("POST /v1/predict", &[&kind], image).json(), prediction);
        let text = json!({"image": STANDARD.encode(image)}).to_string();
        is_same(&server.send("POST /v1/predict", &[&kind], text.as_bytes()).json(), prediction);
    }
    let text = STANDARD.encode(image);
    let as_json = |value: serde_json::Value| {
        server.send("POST /v1/predict", &["Content-Type: application/json"], value.to_string().as_bytes())
    };
    is_same(&as_json(json!({"image": text})).json(), prediction);
    is_same(&as_json(json!({"image": format!("data:image/png;base64,{text}")})).json(), prediction);
    let all: Vec<String> = images.iter().map(|(image, _)| STANDARD.encode(image)).collect();
    let found = as_json(json!({"images": all})).json();
    assert_eq!(found["answers"].as_array().unwrap().len(), 12);
    for (answer, (_, prediction)) in found["answers"].as_array().unwrap().iter().zip(&images) {
        is_same(answer, prediction);
    }
}

#[test]
fn the_images_of_a_form_are_answered_by_name_and_a_broken_one_costs_no_other() {
    let server = place().server(Options::default());
    let images = place().answered();
    let (kind, body) = form(&[
        ("one.png", &images[0].0),
        ("torn \u{e9}.png", &images[1].0[..100]),
        ("notes.txt", b"some text"),
        ("four.png", &images[11].0),
    ]);
    let response = server.send("POST /v1/predict", &[&kind], &body);
    assert_eq!(response.status, 200);
    let answers = response.json()["answers"].clone();
    assert_eq!(answers.as_array().unwrap().len(), 4);
    is_same(&answers[0], &images[0].1);
    is_same(&answers[3], &images[11].1);
    let paths: Vec<&str> = (0..4).map(|at| answers[at]["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["one.png", "torn \u{e9}.png", "notes.txt", "four.png"]);
    assert!(answers[1]["error"].as_str().unwrap().contains("truncated") && answers[1]["label"].is_null());
    assert!(answers[2]["error"].as_str().unwrap().starts_with("expected a "), "{answers}");
}

#[test]
fn the_query_chooses_how_much_is_told_and_when_an_image_is_refused() {
    let server = place().server(Options::default());
    let (image, prediction) = &place().answered()[0];
    let ask = |query: &str| server.send(&format!("POST /v1/predict?{query}"), &[], image);
    let found = ask("top_k=1").json();
    assert_eq!(found["top"].as_array().unwrap().len(), 1);
    assert_eq!(found["label"], *prediction.label);
    let found = ask("reject=1&top_k=2&answer_all=true").json();
    assert_eq!(found["label"], if prediction.probability < 1.0 { "unknown" } else { &prediction.label });
    for query in ["top_k=0", "top_k=-1", "reject=2", "reject=nan", "topk=1", "answer_all=maybe"] {
        ask(query).is_problem(400, "query: ");
    }
}

#[test]
fn images_that_cannot_be_read_are_problems_with_the_reason() {
    let server = place().server(Options::default());
    let (image, _) = &place().answered()[0];
    server.predict(&image[..100]).is_problem(422, "truncated");
    server.predict(b"").is_problem(422, "the file is empty");
    server.predict(b"some text, which is no image").is_problem(415, "expected a ");
    server.predict(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").is_problem(415, "HEIC");
    let mut wide = Vec::new();
    let long = image::RgbImage::new(301, 2);
    long.write_to(&mut std::io::Cursor::new(&mut wide), image::ImageFormat::Png).unwrap();
    server.predict(&wide).is_problem(413, "a side longer than the limit of 300 pixels");
    // A few bytes that declare more pixels than any machine holds.
    let mut bomb = image.clone();
    bomb[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let refused = server.predict(&bomb);
    assert!([413, 422].contains(&refused.status), "{refused:?}");
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn bodies_that_are_no_images_are_problems_with_what_was_expected() {
    let mut options = Options::default();
    options.max_body = 20_000;
    options.max_queue = 4;
    let server = place().server(options);
    let post =
        |kind: &str, body: &[u8]| server.send("POST /v1/predict", &[&format!("Content-Type: {kind}")], body);
    post("application/x-www-form-urlencoded", b"x").is_problem(415, "expected a ");
    post("application/x-www-form-urlencoded", b" {}").is_problem(400, "JSON: expected");
    post("text/plain", b"x").is_problem(415, "expected image/*, application/octet-stream");
    post("text/plain", b"x").is_problem(415, "found \"text/plain\"");
    for body in [
        &b"{"[..],
        b"[]",
        b"{}",
        b"{\"images\":[]}",
        b"{\"image\":1}",
        b"{\"image\":\"\",\"images\":[]}",
        b"{\"x\":1}",
        b"\xff",
    ] {
        post("application/json", body).is_problem(400, "JSON: expected {\"image\": \"BASE64\"}");
    }
    post("application/json", b"{\"images\":[\"AAAA\",\"!\"]}").is_problem(400, "JSON: image 2: no base64");
    post("multipart/form-data", b"x").is_problem(400, "Content-Type: ");
    post("multipart/form-data; boundary=xyz", b"no form").is_problem(400, "multipart/form-data: ");
    post("multipart/form-data; boundary=xyz", b"--xyz--\r\n")
        .is_problem(400, "expected images, found no part");
    server
        .send("POST /v1/predict", &["Content-Encoding: gzip"], b"x")
        .is_problem(415, "Content-Encoding: expected none");
    let (kind, body) = form(&[("a", b"1"), ("b", b"2"), ("c", b"3"), ("d", b"4"), ("e", b"5")]);
    server
        .send("POST /v1/predict", &[&kind], &body)
        .is_problem(413, "at most 4 images in a request, found 5");
    let parts = "--xyz\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n".repeat(200);
    post("multipart/form-data; boundary=xyz", format!("{parts}--xyz--\r\n").as_bytes())
        .is_problem(413, "at most 4 images in a request");
    server.predict(&vec![0; 20_001]).is_problem(413, "larger than the limit of 20000 bytes");
    let head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [b"2710\r\n", &vec![7; 10_000][..], b"\r\n"].concat();
    let chunked = [head.as_bytes(), &chunk, &chunk, &chunk, b"0\r\n\r\n"].concat();
    server.raw(&chunked).is_problem(413, "larger than the limit of 20000 bytes");
}

#[test]
fn a_request_to_another_name_is_refused_on_every_route() {
    let mut options = Options::default();
    options.hosts = vec!["photos.example".to_owned()];
    let server = place().server(options);
    let ask = |line: &str, host: &str| {
        server.raw(format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes())
    };
    for line in ["GET /", "GET /healthz", "GET /v1/model", "GET /metrics", "POST /v1/predict", "GET /nowhere"]
    {
        ask(line, "Host: evil.example\r\n").is_problem(421, "Host: expected an IP address, localhost");
    }
    ask("GET /healthz", "").is_problem(400, "found none");
    ask("GET /healthz", "Host: localhost\r\nHost: evil.example\r\n").is_problem(400, "found several");
    assert_eq!(ask("GET /healthz", "Host: photos.example:8000\r\n").status, 200);
    assert_eq!(ask("GET /healthz", "Host: [::1]:8000\r\n").status, 200);
}

#[test]
fn the_other_routes_describe_the_model_and_the_server() {
    let server = place().server(Options::default());
    let model = server.get("/v1/model");
    assert_eq!((model.status, model.header("content-type")), (200, "application/json"));
    let model = model.json();
    assert_eq!(model["name"], "test");
    assert_eq!(model["classes"], json!(["cats", "dogs"]));
    assert_eq!(model["network"], "efficientnet_lite0");
    assert_eq!(model["preprocessing"]["height"], 64);
    assert_eq!(model["pooling"], "avg");
    assert_eq!(model["provenance"]["weights"], "efficientnet_lite0.safetensors");
    assert_eq!(model["tells_unknown"], false);
    let health = server.get("/healthz");
    assert_eq!((health.status, &health.body[..]), (200, &b"ok\n"[..]));

    let (image, _) = &place().answered()[0];
    assert_eq!(server.predict(image).status, 200);
    assert_eq!(server.predict(&image[..99]).status, 422);
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    for line in [
        "headstart_requests_total{route=\"/v1/predict\",status=\"200\"} 1",
        "headstart_requests_total{route=\"/v1/predict\",status=\"422\"} 1",
        "headstart_predict_seconds_count 2",
        "headstart_images_total{outcome=\"answered\"} 1",
        "headstart_images_total{outcome=\"unreadable\"} 1",
        "headstart_batch_images_count 2",
        "headstart_queue_images 0",
        "headstart_connections 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    // Each family is described before its samples.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(text.contains(&format!("# TYPE {family} ")), "{line}");
    }
    server.get("/nowhere").is_problem(404, "found /nowhere");
    server.get("/v1/predict").is_problem(405, "expected POST, found GET");
    server.send("DELETE /v1/model", &[], b"").is_problem(405, "expected GET, found DELETE");
}

#[test]
fn the_page_may_load_its_own_files_and_nothing_else() {
    let server = place().server(Options::default());
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let html = String::from_utf8(page.body).unwrap();
    assert!(
        !html.contains("http:")
            && !html.contains("https:")
            && !html.contains(" style=")
            && !html.contains(" onclick=")
    );
    let named = html
        .split(['"'])
        .filter(|text| text.ends_with(".js") || text.ends_with(".css") || text.ends_with(".svg"));
    let files: Vec<&str> = named.collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        let found = server.get(&format!("/{file}"));
        assert_eq!(found.status, 200, "{file}");
        assert!(found.header("content-type").starts_with("text/") || file == "icon.svg");
    }
}

#[test]
fn pages_of_other_origins_read_answers_only_where_it_is_allowed() {
    let ask = |origins: &[&str], origin: &str| -> Response {
        let mut options = Options::default();
        options.origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let server = place().server(options);
        let line = format!("Origin: {origin}");
        let answer = server.send("GET /v1/model", &[&line], b"");
        let lines = [
            &line[..],
            "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: content-type",
        ];
        let before = server.send("OPTIONS /v1/predict", &lines, b"");
        assert_eq!(
            before.header("access-control-allow-origin"),
            answer.header("access-control-allow-origin")
        );
        answer
    };
    let allowed = |response: &Response| response.header("access-control-allow-origin").to_owned();
    assert_eq!(allowed(&ask(&[], "https://a.example")), "");
    assert_eq!(allowed(&ask(&["https://a.example"], "https://a.example")), "https://a.example");
    assert_eq!(allowed(&ask(&["https://a.example"], "https://b.example")), "");
    assert_eq!(allowed(&ask(&["*"], "https://b.example")), "*");
}
