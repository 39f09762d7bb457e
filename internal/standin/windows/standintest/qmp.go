package standintest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// qmp is a connection to QEMU's monitor.
type qmp struct {
	conn  net.Conn
	lines *bufio.Reader
}

func dialQMP(socket string) (*qmp, error) {
	var err error
	for start := time.Now(); time.Since(start) < 2*time.Minute; time.Sleep(50 * time.Millisecond) {
		var conn net.Conn
		if conn, err = net.Dial("unix", socket); err != nil {
			continue
		}
		q := &qmp{conn, bufio.NewReader(conn)}
		if _, err := q.lines.ReadBytes('\n'); err != nil { // greeting
			return nil, err
		}
		return q, q.do("qmp_capabilities", nil)
	}
	return nil, err
}

func (q *qmp) close() { q.conn.Close() }

// do runs a command and waits for its end.
func (q *qmp) do(name string, arguments map[string]any) error {
	_, err := q.ask(name, arguments)
	return err
}

// ask runs a command and gives its answer, past any events.
func (q *qmp) ask(name string, arguments map[string]any) (json.RawMessage, error) {
	request := map[string]any{"execute": name}
	if arguments != nil {
		request["arguments"] = arguments
	}
	line, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if _, err := q.conn.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	for {
		line, err := q.lines.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		var answer struct {
			Return *json.RawMessage
			Error  *struct{ Desc string }
		}
		if err := json.Unmarshal(line, &answer); err != nil {
			return nil, err
		}
		if answer.Error != nil {
			return nil, fmt.Errorf("%s", answer.Error.Desc)
		}
		if answer.Return != nil {
			return *answer.Return, nil
		}
	}
}
