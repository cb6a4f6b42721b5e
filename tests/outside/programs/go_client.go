// Go's own client against tests/apps/clients_app.py, over TLS, which it speaks HTTP/2 on: URL CERTIFICATE.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

func check(fault error) {
	if fault != nil {
		panic(fault)
	}
}

func whole(answer *http.Response, version int) []byte {
	defer answer.Body.Close()
	body, fault := io.ReadAll(answer.Body)
	check(fault)
	if answer.StatusCode != 200 || answer.ProtoMajor != version {
		panic(fmt.Sprint(answer.Status, " over ", answer.Proto))
	}
	return body
}

func try(url string, client *http.Client, version int) {
	var all sync.WaitGroup
	for number := 0; number < 200; number++ {
		all.Add(1)
		go func(size int) {
			defer all.Done()
			answer, fault := client.Get(fmt.Sprintf("%s/bytes/%d", url, size))
			check(fault)
			if got := len(whole(answer, version)); got != size {
				panic(fmt.Sprint(got, " bytes of ", size))
			}
		}(number * 500)
	}
	all.Wait()
	body := bytes.Repeat([]byte("go"), 1_000_000)
	// A reader of unknown length.
	answer, fault := client.Post(url+"/echo", "text/plain", io.MultiReader(bytes.NewReader(body)))
	check(fault)
	if !bytes.Equal(whole(answer, version), body) {
		panic("another body came back")
	}
}

func main() {
	pem, fault := os.ReadFile(os.Args[2])
	check(fault)
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)
	for version := 1; version <= 2; version++ {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: version == 2}
		try(os.Args[1], &http.Client{Transport: transport}, version)
		transport.CloseIdleConnections()
	}
}
