// Command podtool is what test Pods run: a pause, a small server, a small client.
//
//	podtool pause                        waits until it is told to stop
//	podtool serve NAME ADDRESS...        answers each connection to a TCP address with NAME
//	podtool connect SECONDS ADDRESS...   prints "open", "refused" or "closed" per TCP address
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail("a command is missing: pause, serve or connect")
	}
	switch command, arguments := os.Args[1], os.Args[2:]; command {
	case "pause":
		pause()
	case "serve":
		serve(arguments)
	case "connect":
		connect(arguments)
	default:
		fail("no command " + command)
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, "podtool:", text)
	os.Exit(2)
}

func pause() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}

func serve(arguments []string) {
	if len(arguments) < 2 {
		fail("serve needs a name and addresses")
	}
	name := arguments[0]
	for _, address := range arguments[1:] {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			fail(err.Error())
		}
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					fail(err.Error())
				}
				fmt.Fprintln(connection, name)
				connection.Close()
			}
		}()
	}
	pause()
}

func connect(arguments []string) {
	if len(arguments) < 2 {
		fail("connect needs seconds and addresses")
	}
	seconds, err := strconv.ParseFloat(arguments[0], 64)
	if err != nil {
		fail(err.Error())
	}
	limit := time.Duration(seconds * float64(time.Second))
	for _, address := range arguments[1:] {
		fmt.Println(look(address, limit))
	}
}

// A server of ours speaks first; of another one it is enough that the connection stands.
func look(address string, limit time.Duration) string {
	connection, err := net.DialTimeout("tcp", address, limit)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "refused"
	}
	if err != nil {
		return "closed"
	}
	defer connection.Close()
	connection.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	answer, _ := io.ReadAll(io.LimitReader(connection, 64))
	return "open " + string(trim(answer))
}

func trim(answer []byte) []byte {
	for i, letter := range answer {
		if letter == '\n' {
			return answer[:i]
		}
	}
	return answer
}
