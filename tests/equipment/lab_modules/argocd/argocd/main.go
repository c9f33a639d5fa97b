// Argo CD's own two roles that deliver: what runs is picked by ARGOCD_BINARY_NAME, as in its image.
// Without its web server, command line and the rest it builds in less time.
package main

import (
	"fmt"
	"os"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	repository "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	roles := map[string]func() *cobra.Command{
		"argocd-application-controller": controller.NewCommand,
		"argocd-repo-server":            repository.NewCommand,
	}
	build, found := roles[os.Getenv("ARGOCD_BINARY_NAME")]
	if !found {
		fmt.Fprintln(os.Stderr, "ARGOCD_BINARY_NAME names no role of this program")
		os.Exit(2)
	}
	if err := build().Execute(); err != nil {
		os.Exit(1)
	}
}
