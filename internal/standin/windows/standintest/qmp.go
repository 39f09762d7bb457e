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
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
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

// do runs a command and waits for its answer, past any events.
func (q *qmp) do(name string, arguments map[string]any) error {
	request := map[string]any{"execute": name}
	if arguments != nil {
		request["arguments"] = arguments
	}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if _, err := q.conn.Write(append(line, '\n')); err != nil {
		return err
	}
	for {
		line, err := q.lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		var answer struct {
			Return *json.RawMessage
			Error  *struct{ Desc string }
		}
		if err := json.Unmarshal(line, &answer); err != nil {
			return err
		}
		if answer.Error != nil {
			return fmt.Errorf("%s", answer.Error.Desc)
		}
		if answer.Return != nil {
			return nil
		}
	}
}
