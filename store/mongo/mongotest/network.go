package mongotest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Network is a network of hosts, each in a namespace, with a router between them and this machine that can be told to
// carry nothing between some.
type Network struct {
	Hosts []Host
	t     testing.TB
	name  string
	cuts  [][]string // rules of the router
}

// NewNetwork makes a network, which is gone when the test ends. Without root the test is skipped.
func NewNetwork(t testing.TB, hosts int) *Network {
	t.Helper()
	needRoot(t, "what happens when the network is cut")
	n := &Network{t: t, name: fmt.Sprintf("fw%d", os.Getpid())}
	if err := n.ip("netns", "add", n.router()); err != nil {
		t.Skipf("NOT TESTED: what happens when the network is cut: no namespaces can be made here: %v", err)
	}
	t.Cleanup(func() { n.ip("netns", "del", n.router()) })
	n.must("netns", "exec", n.router(), "sysctl", "-qw", "net.ipv4.ip_forward=1")
	n.must("link", "add", n.name, "type", "veth", "peer", "name", "uplink", "netns", n.router())
	n.must("address", "add", n.address(0, 1)+"/30", "dev", n.name)
	n.must("link", "set", n.name, "up")
	n.must("-n", n.router(), "address", "add", n.address(0, 2)+"/30", "dev", "uplink")
	n.must("-n", n.router(), "link", "set", "uplink", "up")
	n.must("route", "add", n.address(0, 0)+"/16", "via", n.address(0, 2))
	for i := range hosts {
		h := Host{Namespace: fmt.Sprintf("%s-%d", n.name, i), IP: n.address(i+1, 1)}
		n.must("netns", "add", h.Namespace)
		t.Cleanup(func() { n.ip("netns", "del", h.Namespace) })
		down := fmt.Sprintf("down%d", i)
		n.must("-n", n.router(), "link", "add", down, "type", "veth", "peer", "name", "uplink", "netns", h.Namespace)
		n.must("-n", n.router(), "address", "add", n.address(i+1, 2)+"/30", "dev", down)
		n.must("-n", n.router(), "link", "set", down, "up")
		n.must("-n", h.Namespace, "address", "add", h.IP+"/30", "dev", "uplink")
		n.must("-n", h.Namespace, "link", "set", "uplink", "up")
		n.must("-n", h.Namespace, "link", "set", "lo", "up")
		n.must("-n", h.Namespace, "route", "add", "default", "via", n.address(i+1, 2))
		n.Hosts = append(n.Hosts, h)
	}
	return n
}

func (n *Network) router() string { return n.name + "-r" }

// address is an address of a link: 0 is this machine's, i+1 that of host i.
func (n *Network) address(link, end int) string {
	return fmt.Sprintf("10.%d.%d.%d", 100+os.Getpid()%100, link, end)
}

func (n *Network) ip(args ...string) error {
	if said, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, said)
	}
	return nil
}

func (n *Network) must(args ...string) {
	n.t.Helper()
	if err := n.ip(args...); err != nil {
		n.t.Fatal(err)
	}
}

// Isolate loses all that host i sends and is sent.
func (n *Network) Isolate(i int) {
	n.drop("from", n.Hosts[i].IP)
	n.drop("to", n.Hosts[i].IP)
}

// Cut loses what host i and the other hosts send each other. This machine still reaches all of them.
func (n *Network) Cut(i int) {
	for j := range n.Hosts {
		if j != i {
			n.drop("from", n.Hosts[i].IP, "to", n.Hosts[j].IP)
			n.drop("from", n.Hosts[j].IP, "to", n.Hosts[i].IP)
		}
	}
}

func (n *Network) drop(rule ...string) {
	rule = append(rule, "pref", "10", "blackhole")
	n.must(append([]string{"-n", n.router(), "rule", "add"}, rule...)...)
	n.cuts = append(n.cuts, rule)
}

// Mend carries everything again.
func (n *Network) Mend() {
	for _, rule := range n.cuts {
		n.must(append([]string{"-n", n.router(), "rule", "del"}, rule...)...)
	}
	n.cuts = nil
}
