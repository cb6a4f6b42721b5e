//! What `turbo-load --help` prints. Options that are not in it are not understood.

/// The whole text.
pub const HELP: &str = "\
turbo-load: puts a server on this machine under load, and checks every answer

    turbo-load --target 127.0.0.1:8000 --path /users/{n} --expect-body '{\"user_id\":{n}}'
    turbo-load --target 127.0.0.1:8000 --mix routes.json --rate 5000 --connections 500 --seconds 10

Without --rate a closed loop: every connection asks again as soon as it is answered. It shows what a server can do.
With --rate an open loop: requests are sent when they are due, and latency counts from then. It shows what callers see.

What is asked, and what must come back. In path and bodies, {n} is a number that changes with every request.

  --target ADDRESS:PORT      the server; loopback only
  --path PATH                path and query [/]
  --method METHOD            [GET]
  --header 'NAME: VALUE'     may be given several times
  --body TEXT                body of the request; @FILE reads it from a file
  --expect-status CODE       [200]
  --expect-body TEXT         body of every right answer; @FILE reads it from a file
  --expect-any-body          any body of the right length is right
  --echo-bytes N             instead of both bodies: one of N bytes with {n} all over it, which has to come back
  --websocket KIND           asks with WebSocket messages, text or binary: --body is sent, --expect-body must come back
  --numbers FIRST-LAST       what {n} runs through, again and again [1000-9999]
  --mix FILE                 instead of all of the above but --target: several routes, chosen by weight. FILE is a JSON
                             list of {\"weight\", \"path\", \"method\", \"headers\": [\"NAME: VALUE\"], \"body\", \"expect_status\",
                             \"expect_body\", \"expect_any_body\": true, \"echo_bytes\"}

When it is sent.

  --rate R                   requests per second, over all connections; an open loop
  --arrivals KIND            poisson: independent of each other; constant: evenly spaced [poisson]
  --seed N                   the same arrivals and choices again [1]
  --pipeline N               requests in flight on each connection of a closed loop [1]
  --seconds S                time in which answers are counted [2]
  --warm-up-seconds S        time before that [0.3]
  --requests-max N           ends the run early [1000000000]

From where.

  --connections N            keep-alive connections [32]
  --idle-connections N       held open besides; each is asked once before the load and once after it [0]
  --slow-read-bytes-per-second B
                             every connection reads its answers no faster
  --answer-timeout-seconds S silence that breaks the run [10]
  --threads N                share the connections [1]
  --io KIND                  how bytes are moved. uring: requests and answers in lots, by io_uring (Linux 6.1); epoll: a
                             read and a write for each; auto: uring where it can be used [auto]
  --tls                      over TLS 1.3 or 1.2, by HTTP/1.1; no certificate is checked. Moves bytes by epoll
  --handshakes KIND          every request on a connection of its own, whose TLS handshake is full or resumed
  --http2                    over HTTP/2: by prior knowledge, or with --tls as agreed on
  --streams N                with --http2, requests in flight on each connection [1]
  --cpu LIST                 cores for the threads, such as 2,3. Threads with a core each wait actively for the last 50 µs
                             before a request is due

Instead of a load.

  --idle N                   opens N connections, asks once on each, prints a line and holds them until standard input
                             ends
  --hold-seconds S           longest time that --idle holds them [60]

Prints one JSON object per line. latency_us is null, and latency_refused says why, if the generator itself was the
bottleneck: a thread that worked, or had to wait for a core, 90 % of the time or more; or requests of an open loop that were sent late although a
connection was free, by more than 250 µs and more than a tenth of the latency (at p50 or p99).

Exit status: 0 all answers were right, 2 wrong usage, 3 a wrong answer (the first difference is printed), 4 a broken run
(no connection, no answer).";
