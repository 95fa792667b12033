package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/firewarden/firewarden/internal/config"
)

// newHealth asks the server of this machine whether it can be used: the health check of a container, which has no other
// program in it.
func newHealth(*flag.FlagSet) runner {
	return func(ctx context.Context, m *Main, in *input, _ []string) error {
		c, err := config.Load(in.Input)
		if c.Listen == "" { // what is wrong with other keys the server itself has said
			return usageError(err.Error())
		}
		ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
		defer cancel()
		url := c.URL(reach(c.Listen)) + "/health/ready"
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		// The certificate has the name by which others call the server, and nothing secret is said.
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		res, err := client.Do(req)
		if err != nil {
			return fmt.Errorf("no server answers: %w", err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, res.Status)
		}
		fmt.Fprintln(m.Stdout, "ready")
		return nil
	}
}

// reach is the address by which this machine reaches a server that listens on one: loopback, if it listens on all.
func reach(listen string) string {
	host, port, _ := net.SplitHostPort(listen)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
