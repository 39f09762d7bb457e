package winrm

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// message is one understood request.
type message struct {
	operation string
	action    string
	id        string
	shellID   string
	maxAnswer int           // MaxEnvelopeSize, 0 when absent
	timeout   time.Duration // OperationTimeout, 0 when absent
	options   map[string]string
	body      body
	bulk      *bulk
}

func (m *message) name() string {
	if m == nil {
		return "a request that was not understood"
	}
	return m.operation
}

type body struct {
	Shell   *shellBody   `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Shell"`
	Command *commandBody `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell CommandLine"`
	Send    *sendBody    `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Send"`
	Receive *receiveBody `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Receive"`
	Signal  *signalBody  `xml:"http://schemas.microsoft.com/wbem/wsman/1/windows/shell Signal"`
}

type shellBody struct {
	ID          string `xml:"ShellId,attr"`
	Directory   string `xml:"WorkingDirectory"`
	Environment struct {
		Variables []struct {
			Name  string `xml:"Name,attr"`
			Value string `xml:",chardata"`
		} `xml:"Variable"`
	} `xml:"Environment"`
	Input  string `xml:"InputStreams"`
	Output string `xml:"OutputStreams"`
}

type commandBody struct {
	ID        string   `xml:"CommandId,attr"`
	Command   string   `xml:"Command"`
	Arguments []string `xml:"Arguments"`
}

type sendBody struct {
	Streams []struct {
		Name      string `xml:"Name,attr"`
		CommandID string `xml:"CommandId,attr"`
		End       bool   `xml:"End,attr"`
		Data      string `xml:",chardata"`
	} `xml:"Stream"`
}

type receiveBody struct {
	Desired struct {
		CommandID string `xml:"CommandId,attr"`
		Names     string `xml:",chardata"`
	} `xml:"DesiredStream"`
}

type signalBody struct {
	CommandID string `xml:"CommandId,attr"`
	Code      string `xml:"Code"`
}

type envelope struct {
	XMLName xml.Name
	Header  *header `xml:"http://www.w3.org/2003/05/soap-envelope Header"`
	Body    *body   `xml:"http://www.w3.org/2003/05/soap-envelope Body"`
}

type header struct {
	To        string `xml:"http://schemas.xmlsoap.org/ws/2004/08/addressing To"`
	Action    string `xml:"http://schemas.xmlsoap.org/ws/2004/08/addressing Action"`
	MessageID string `xml:"http://schemas.xmlsoap.org/ws/2004/08/addressing MessageID"`
	ReplyTo   struct {
		Address string `xml:"Address"`
	} `xml:"http://schemas.xmlsoap.org/ws/2004/08/addressing ReplyTo"`
	Resource    string `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd ResourceURI"`
	MaxEnvelope string `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd MaxEnvelopeSize"`
	Timeout     string `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd OperationTimeout"`
	Selectors   struct {
		Selector []named `xml:"Selector"`
	} `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd SelectorSet"`
	Options struct {
		Option []named `xml:"Option"`
	} `xml:"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd OptionSet"`
	Rest []unknownHeader `xml:",any"`
}

type named struct {
	Name  string `xml:"Name,attr"`
	Value string `xml:",chardata"`
}

type unknownHeader struct {
	XMLName        xml.Name
	MustUnderstand string `xml:"http://www.w3.org/2003/05/soap-envelope mustUnderstand,attr"`
}

// optional are headers that Windows takes and that change nothing here.
var optional = map[xml.Name]bool{
	{Space: nsWSMan, Local: "Locale"}:        true,
	{Space: nsMSWSMan, Local: "DataLocale"}:  true,
	{Space: nsMSWSMan, Local: "SessionId"}:   true,
	{Space: nsMSWSMan, Local: "OperationID"}: true,
	{Space: nsMSWSMan, Local: "SequenceId"}:  true,
}

// parseMessage reads an envelope and refuses, by a *fault, what Windows
// refuses: another SOAP version, absent addressing headers, an unknown action
// or resource, a header that must be understood and is not.
func parseMessage(raw []byte) (*message, error) {
	small, lifted := lift(raw)
	var env envelope
	if err := xml.Unmarshal(small, &env); err != nil {
		return nil, faultSchema("the request is not well-formed XML: " + err.Error())
	}
	if env.XMLName.Space != nsSOAP || env.XMLName.Local != "Envelope" {
		return nil, faultSchema(fmt.Sprintf("the root element is {%s}%s, not a SOAP 1.2 envelope", env.XMLName.Space, env.XMLName.Local))
	}
	if env.Header == nil || env.Body == nil {
		return nil, faultSchema("the envelope needs a header and a body")
	}
	h := env.Header
	m := &message{action: strings.TrimSpace(h.Action), id: strings.TrimSpace(h.MessageID), body: *env.Body, bulk: lifted, options: map[string]string{}}
	m.operation = operations[m.action]
	switch {
	case m.action == "" || m.id == "" || h.To == "":
		return nil, faultAddressing("wsa:MessageInformationHeaderRequired", "a:Action, a:MessageID and a:To are required")
	case strings.TrimSpace(h.ReplyTo.Address) != anonymous:
		return nil, faultAddressing("wsa:InvalidMessageInformationHeader", "a:ReplyTo must be the anonymous address")
	case m.operation == "":
		return nil, faultAction(m.action)
	case strings.TrimSpace(h.Resource) != resourceCmdShell:
		return nil, faultResource(h.Resource)
	}
	for _, u := range h.Rest {
		if !optional[u.XMLName] && (u.MustUnderstand == "true" || u.MustUnderstand == "1") {
			return nil, faultMustUnderstand(u.XMLName)
		}
	}
	for _, o := range h.Options.Option {
		m.options[o.Name] = o.Value
	}
	for _, sel := range h.Selectors.Selector {
		if sel.Name == "ShellId" {
			m.shellID = strings.TrimSpace(sel.Value)
		}
	}
	var err error
	if m.timeout, err = duration(h.Timeout); err != nil {
		return nil, faultSchema("w:OperationTimeout: " + err.Error())
	}
	if t := strings.TrimSpace(h.MaxEnvelope); t != "" {
		if m.maxAnswer, err = strconv.Atoi(t); err != nil || m.maxAnswer < 8192 {
			return nil, faultSchema("w:MaxEnvelopeSize " + t + ": want at least 8192")
		}
	}
	return m, nil
}

// duration reads an xs:duration of hours, minutes and seconds; "" is 0.
func duration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	rest, ok := strings.CutPrefix(text, "PT")
	if !ok || rest == "" {
		return 0, fmt.Errorf("%q is no xs:duration of hours, minutes and seconds", text)
	}
	d, err := time.ParseDuration(strings.ToLower(rest))
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no xs:duration of hours, minutes and seconds", text)
	}
	return d, nil
}
