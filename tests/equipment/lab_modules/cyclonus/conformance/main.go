// Command conformance runs generated NetworkPolicy cases of cyclonus against the cluster of
// KUBECONFIG: one exec per Pod and probe, and no limit on the client's requests, which makes a case
// take seconds where the stock command takes twenty.
//
// Each case gives a line "CASE number/total ok|FAILED seconds description [tags]", the last line is
// "RESULT ran=N failed=N". The exit code is 1 if a case failed, 2 if something else did.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mattfenwick/cyclonus/pkg/connectivity"
	"github.com/mattfenwick/cyclonus/pkg/connectivity/probe"
	"github.com/mattfenwick/cyclonus/pkg/generator"
	"github.com/mattfenwick/cyclonus/pkg/kube"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const podReadySeconds = 90

type options struct {
	include, exclude, destination string
	every, limit, waitSeconds     int
	isNoisy                       bool
}

func readOptions() options {
	var o options
	flag.StringVar(&o.include, "include", "", "tags, by comma")
	flag.StringVar(&o.exclude, "exclude", "sctp", "tags, by comma")
	flag.StringVar(&o.destination, "destination-type", "",
		"service-name, service-ip or pod-ip for every probe; empty: as each case says")
	flag.IntVar(&o.every, "every", 1, "run each n-th case")
	flag.IntVar(&o.limit, "limit", 0, "stop after so many; 0: none")
	flag.IntVar(&o.waitSeconds, "wait", 1, "seconds after a change")
	flag.BoolVar(&o.isNoisy, "noisy", false, "print the tables of each case")
	flag.Parse()
	return o
}

func check(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "conformance: %+v\n", err)
		os.Exit(2)
	}
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func connect() *kube.Kubernetes {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	check(err)
	config.QPS, config.Burst = 1000, 1000
	clients, err := kubernetes.NewForConfig(config)
	check(err)
	return &kube.Kubernetes{ClientSet: clients, RestConfig: config}
}

func selectCases(o options, address string, namespaces []string) []*generator.TestCase {
	maker := generator.NewTestCaseGenerator(
		true, address, namespaces, split(o.include), split(o.exclude))
	var chosen []*generator.TestCase
	for i, testCase := range maker.GenerateTestCases() {
		if i%o.every == 0 && (o.limit == 0 || len(chosen) < o.limit) {
			chosen = append(chosen, testCase)
		}
	}
	return chosen
}

func main() {
	o := readOptions()
	cluster := connect()
	namespaces := []string{"x", "y", "z"}
	resources, err := probe.NewDefaultResources(
		cluster, namespaces, []string{"a", "b", "c"}, []int{80, 81},
		[]v1.Protocol{v1.ProtocolTCP, v1.ProtocolUDP}, nil, podReadySeconds, true, "")
	check(err)
	last, err := resources.GetPod("z", "c")
	check(err)
	// A Pod may always reach itself, which the tables of cyclonus do not know.
	interpreter := connectivity.NewInterpreter(cluster, resources, &connectivity.InterpreterConfig{
		ResetClusterBeforeTestCase: true, VerifyClusterStateBeforeTestCase: true,
		KubeProbeRetries: 1, PerturbationWaitSeconds: o.waitSeconds, BatchJobs: true,
		IgnoreLoopback: true, JobTimeoutSeconds: 1})
	printer := &connectivity.Printer{Noisy: o.isNoisy, IgnoreLoopback: true}
	cases := selectCases(o, last.IP, namespaces)
	failed := 0
	for i, testCase := range cases {
		if o.destination != "" {
			mode, err := generator.ParseProbeMode(o.destination)
			check(err)
			for _, step := range testCase.Steps {
				step.Probe.Mode = mode
			}
		}
		started := time.Now()
		result := interpreter.ExecuteTestCase(testCase)
		check(result.Err)
		word := "ok"
		if !result.Passed(true) {
			word = "FAILED"
			failed++
			printer.PrintTestCaseResult(result)
		}
		fmt.Printf("CASE %d/%d %s %.1fs %s [%s]\n", i+1, len(cases), word,
			time.Since(started).Seconds(), testCase.Description,
			strings.Join(testCase.Tags.Keys(), " "))
	}
	fmt.Printf("RESULT ran=%d failed=%d\n", len(cases), failed)
	if failed > 0 {
		os.Exit(1)
	}
}
