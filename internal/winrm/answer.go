package winrm

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/masterzen/winrm/soap"
)

// outline is what every answer must have, and the fault when it is one.
type outline struct {
	XMLName xml.Name
	Action  string    `xml:"Header>Action"`
	Fault   *xmlFault `xml:"Body>Fault"`
}

type xmlFault struct {
	Code struct {
		Value   string `xml:"Value"`
		Subcode string `xml:"Subcode>Value"`
	} `xml:"Code"`
	Reason []string `xml:"Reason>Text"`
	Detail struct {
		WSMan *wsmanFault `xml:"WSManFault"`
	} `xml:"Detail"`
}

// wsmanFault nests: a provider's own fault stands in its message.
type wsmanFault struct {
	Code    string `xml:"Code,attr"`
	Message struct {
		Text     string      `xml:",chardata"`
		Provider *wsmanFault `xml:"ProviderFault>WSManFault"`
	} `xml:"Message"`
}

// readOutline returns an answer's action, and its fault when it holds one. An
// answer that is no well-formed SOAP 1.2 envelope is an error.
func readOutline(body []byte) (action string, f *Fault, err error) {
	var o outline
	if err := xml.Unmarshal(body, &o); err != nil {
		return "", nil, fmt.Errorf("%w; %s", err, snippet(body))
	}
	if o.XMLName.Local != "Envelope" || o.XMLName.Space != soap.NS_SOAP_ENV {
		return "", nil, errors.New("no SOAP 1.2 envelope; " + snippet(body))
	}
	if o.Fault == nil {
		return strings.TrimSpace(o.Action), nil, nil
	}
	f = &Fault{Subcode: localName(o.Fault.Code.Subcode)}
	if f.Subcode == "" {
		f.Subcode = localName(o.Fault.Code.Value)
	}
	if len(o.Fault.Reason) > 0 {
		f.Reason = oneLine(o.Fault.Reason[0])
	}
	for w := o.Fault.Detail.WSMan; w != nil; w = w.Message.Provider {
		if code, err := strconv.ParseUint(strings.TrimSpace(w.Code), 10, 32); err == nil {
			f.Code = uint32(code)
		}
		if text := oneLine(w.Message.Text); text != "" {
			f.Reason = text
		}
	}
	return strings.TrimSpace(o.Action), f, nil
}

func localName(qualified string) string {
	qualified = strings.TrimSpace(qualified)
	return qualified[strings.LastIndexByte(qualified, ':')+1:]
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// readShellID finds the new shell's id: WinRM 3.0 and later send rsp:Shell,
// all send the selector.
func readShellID(body []byte) (string, error) {
	var a struct {
		ID       string `xml:"Body>Shell>ShellId"`
		Selector []struct {
			Name  string `xml:"Name,attr"`
			Value string `xml:",chardata"`
		} `xml:"Body>ResourceCreated>ReferenceParameters>SelectorSet>Selector"`
	}
	if err := xml.Unmarshal(body, &a); err != nil {
		return "", err
	}
	if id := strings.TrimSpace(a.ID); id != "" {
		return id, nil
	}
	for _, s := range a.Selector {
		if s.Name == "ShellId" && strings.TrimSpace(s.Value) != "" {
			return strings.TrimSpace(s.Value), nil
		}
	}
	return "", errors.New("no ShellId in it")
}

func readCommandID(body []byte) (string, error) {
	var a struct {
		ID string `xml:"Body>CommandResponse>CommandId"`
	}
	if err := xml.Unmarshal(body, &a); err != nil {
		return "", err
	}
	if id := strings.TrimSpace(a.ID); id != "" {
		return id, nil
	}
	return "", errors.New("no CommandId in it")
}

// output is one Receive's harvest.
type output struct {
	streams []stream
	done    bool
	exit    int
}

type stream struct {
	name string // stdout or stderr
	data []byte
}

func readOutput(body []byte) (output, error) {
	var a struct {
		Streams []struct {
			Name string `xml:"Name,attr"`
			Data []byte `xml:",chardata"`
		} `xml:"Body>ReceiveResponse>Stream"`
		State struct {
			State string `xml:"State,attr"`
			Exit  string `xml:"ExitCode"`
		} `xml:"Body>ReceiveResponse>CommandState"`
	}
	if err := xml.Unmarshal(body, &a); err != nil {
		return output{}, err
	}
	var out output
	for _, s := range a.Streams {
		data, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(s.Data)))
		if err != nil {
			return output{}, fmt.Errorf("stream %s is not base64: %w", s.Name, err)
		}
		if len(data) > 0 {
			out.streams = append(out.streams, stream{s.Name, data})
		}
	}
	if strings.HasSuffix(a.State.State, "/CommandState/Done") {
		out.done = true
		// An exit code is an unsigned 32-bit number in Windows; some services
		// write it signed.
		text := strings.TrimSpace(a.State.Exit)
		exit, err := strconv.ParseInt(text, 10, 64)
		if err != nil || exit < -1<<31 || exit > 1<<32-1 {
			return output{}, fmt.Errorf("the command is done with exit code %q", text)
		}
		out.exit = int(int32(exit)) //nolint:gosec // range checked; 0xC0000005 becomes negative, as in Go's exec on Windows tools
	}
	return out, nil
}
