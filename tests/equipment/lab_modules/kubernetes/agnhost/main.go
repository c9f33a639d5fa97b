// Command agnhost holds the two subcommands that cyclonus runs in Pods.
//
// A probe that cyclonus gives one second gets five here: on a busy machine one second is too short,
// and an enforcer that rejects answers at once anyway.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"k8s.io/kubernetes/test/images/agnhost/connect"
	servehostname "k8s.io/kubernetes/test/images/agnhost/serve-hostname"
)

func main() {
	for i, argument := range os.Args {
		if argument == "--timeout=1s" {
			os.Args[i] = "--timeout=5s"
		}
	}
	root := &cobra.Command{Use: "agnhost"}
	root.AddCommand(connect.CmdConnect, servehostname.CmdServeHostname)
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
