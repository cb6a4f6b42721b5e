//! The crate h2 as a client: what it sends is understood, what it is answered it reads. Over memory, polled by hand.

#[path = "../protocol/tests/http2_peer/peer.rs"]
mod peer;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{self, SendRequest};
use peer::{Answer, Server, sample};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use turbo_shard_protocol::Limits;

/// A client and its server, with a pipe between.
struct Pair {
    client: Pin<Box<client::Connection<DuplexStream, Bytes>>>,
    pipe: DuplexStream,
    server: Server,
    /// How many bytes are carried at once.
    piece: usize,
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

impl Pair {
    fn new(limits: Limits, answer: Answer, piece: usize) -> (Pair, SendRequest<Bytes>) {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let mut handshake = pin!(client::handshake(theirs));
        let Poll::Ready(Ok((sender, connection))) = poll(handshake.as_mut()) else {
            panic!("a pipe with room does not wait");
        };
        let pair = Pair {
            client: Box::pin(connection),
            pipe: ours,
            server: Server::new(limits, answer),
            piece,
        };
        (pair, sender)
    }

    /// Carries bytes both ways until nothing moves.
    fn run(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut room = vec![0; self.piece];
        let mut still = 0;
        while still < 3 {
            still += 1;
            let _ = poll(self.client.as_mut());
            let mut read = ReadBuf::new(&mut room);
            if let Poll::Ready(Ok(())) = Pin::new(&mut self.pipe).poll_read(&mut context, &mut read)
                && !read.filled().is_empty()
            {
                self.server.receive(read.filled());
                still = 0;
            }
            let output = self.server.connection.output();
            let piece = output.len().min(self.piece);
            if piece > 0
                && let Poll::Ready(Ok(n)) =
                    Pin::new(&mut self.pipe).poll_write(&mut context, &output[..piece])
            {
                self.server.connection.consume_output(self.server.now, n);
                self.server.turn();
                still = 0;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Heads and bodies arrive as they were sent, and answers as they were given, in whatever pieces.
    #[test]
    fn what_h2_sends_is_understood_and_what_it_is_answered_it_reads(
        requests in proptest::collection::vec(
            (
                proptest::collection::vec(("[a-z][a-z0-9-]{0,20}", "[!-~]([ -~]{0,60}[!-~])?"), 0..8),
                proptest::collection::vec(any::<u8>(), 0..40_000),
            ),
            1..8,
        ),
        answer in proptest::collection::vec(any::<u8>(), 0..200_000),
        piece in 100usize..30_000,
    ) {
        let (mut pair, sender) = Pair::new(sample(), Answer::Whole(answer.clone()), piece);
        pair.run();
        let mut waiting = Vec::new();
        let mut heads = Vec::new();
        for (number, (fields, body)) in requests.iter().enumerate() {
            let mut request = http::Request::builder()
                .method("POST")
                .uri(format!("http://example.com/{number}?x"));
            let mut head = format!("POST /{number}?x host=example.com");
            for (name, value) in fields {
                let name = format!("x-{name}-{}", head.len());
                head += &format!(" {name}={value}");
                request = request.header(name, value);
            }
            heads.push(head);
            let mut ready = pin!(sender.clone().ready());
            let Poll::Ready(Ok(mut ready)) = poll(ready.as_mut()) else {
                panic!("the server takes 100 at once");
            };
            let (response, mut stream) = ready.send_request(request.body(()).unwrap(), false).unwrap();
            stream.send_data(Bytes::from(body.clone()), true).unwrap();
            waiting.push((Box::pin(response), Vec::new(), None));
        }
        for _ in 0..200 {
            pair.run();
            for (response, received, reader) in &mut waiting {
                if reader.is_none() && let Poll::Ready(answered) = poll(response.as_mut()) {
                    let answered = answered.unwrap();
                    prop_assert_eq!(answered.status(), 200);
                    prop_assert!(answered.headers().contains_key("date"));
                    *reader = Some(answered.into_body());
                }
                let Some(reader) = reader else { continue };
                while let Poll::Ready(Some(data)) =
                    reader.poll_data(&mut Context::from_waker(Waker::noop()))
                {
                    let data = data.unwrap();
                    received.extend_from_slice(&data);
                    reader.flow_control().release_capacity(data.len()).unwrap();
                }
            }
        }
        for (_, received, reader) in &waiting {
            prop_assert!(reader.as_ref().is_some_and(h2::RecvStream::is_end_stream));
            prop_assert!(received == &answer);
        }
        prop_assert_eq!(&pair.server.seen.heads, &heads);
        let mut bodies: Vec<_> = requests.iter().map(|(_, body)| body.clone()).collect();
        let mut seen = pair.server.seen.bodies.clone();
        bodies.sort();
        seen.sort();
        prop_assert!(bodies == seen);
        prop_assert_eq!(pair.server.seen.fault, None);
        prop_assert_eq!(pair.server.seen.done, requests.len());
    }
}
