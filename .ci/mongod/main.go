// Command mongod makes a replica set of mongod servers on loopback that were started with --replSet rs0, and prints its
// URI. Tests take it as FIREWARDEN_TEST_MONGODB.
//
//	go run ./.ci/mongod 127.0.0.1:27117
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	uri, err := mongotest.Initiate(ctx, os.Args[1:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(uri)
}
