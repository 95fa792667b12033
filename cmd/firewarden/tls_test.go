package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// pair writes a certificate for 127.0.0.1, which signs itself, and its key into two files. The files have their number as
// the time when they were written.
func pair(t *testing.T, number int64, chain, key string) *x509.Certificate {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	words, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	rewrite(t, number, chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	rewrite(t, number, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: words}))
	return c
}

func rewrite(t *testing.T, number int64, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, time.Time{}, time.Unix(number, 0)); err != nil {
		t.Fatal(err)
	}
}

// TestTLS: with a certificate the server answers https by itself, and all that it says of itself follows.
func TestTLS(t *testing.T) {
	chain, key := file(t, "cert.pem", ""), file(t, "key.pem", "")
	first := pair(t, 1, chain, key)
	r := start(t, "sandbox", "--tls-certificate", chain, "--tls-key", key)
	at := strings.TrimPrefix(r.url, "http://")
	trusting := func(c *x509.Certificate, change func(*tls.Config)) *http.Client {
		pool := x509.NewCertPool()
		pool.AddCert(c)
		settings := &tls.Config{RootCAs: pool}
		if change != nil {
			change(settings)
		}
		return &http.Client{Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}}
	}
	get := func(client *http.Client, url string) (*http.Response, []byte) {
		t.Helper()
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, body
	}
	client := trusting(first, nil)
	_, body := get(client, "https://"+at+"/fhir/.well-known/smart-configuration")
	var smart map[string]any
	if err := json.Unmarshal(body, &smart); err != nil || smart["issuer"] != "https://"+at || smart["token_endpoint"] != "https://"+at+"/auth/token" {
		t.Errorf("%v %s", err, body)
	}
	res, _ := get(client, "https://"+at+"/auth/login")
	for _, c := range res.Cookies() {
		if !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("cookie %v", c)
		}
	}
	if len(res.Cookies()) == 0 {
		t.Error("no cookie")
	}
	if out := mustRun(t, "health", "--listen", at, "--tls-certificate", chain, "--tls-key", key); out != "ready\n" {
		t.Errorf("health: %q", out)
	}

	if res, err := http.Get("http://" + at + "/health"); err == nil {
		t.Errorf("without TLS: %s", res.Status)
		res.Body.Close()
	}
	old := trusting(first, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	if res, err := old.Get("https://" + at + "/health"); err == nil {
		t.Errorf("TLS 1.1: %s", res.Status)
		res.Body.Close()
	}

	// A new certificate counts with the next connection; half a one does not.
	second := pair(t, 2, chain, key)
	get(trusting(second, nil), "https://"+at+"/health/live")
	rewrite(t, 3, chain, []byte("half"))
	get(trusting(second, nil), "https://"+at+"/health/live")
	if !strings.Contains(r.log.String(), "the certificate stays the one before") {
		t.Errorf("the log says nothing of it: %s", r.log.String())
	}
	third := pair(t, 4, chain, key)
	get(trusting(third, nil), "https://"+at+"/health/live")

	other := file(t, "other.pem", "")
	pair(t, 5, file(t, "mine.pem", ""), other)
	for name, wrongKey := range map[string]string{"of another one": other, "that is not there": other + ".gone"} {
		if code, _, said := run(t, "sandbox", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--tls-certificate", chain, "--tls-key", wrongKey); code != failed || !strings.Contains(said, "tls-key") {
			t.Errorf("a key %s: %d %s", name, code, said)
		}
	}
}
