package winrm

import "github.com/masterzen/winrm/soap"

// operation is one of the six of a command shell.
type operation struct {
	name     string
	action   string
	response string // the action of its good answer
}

const resourceCmd = soap.NS_WIN_SHELL + "/cmd"

var (
	opCreate  = operation{"Create", soap.NS_TRANSFER + "/Create", soap.NS_TRANSFER + "/CreateResponse"}
	opDelete  = operation{"Delete", soap.NS_TRANSFER + "/Delete", soap.NS_TRANSFER + "/DeleteResponse"}
	opCommand = operation{"Command", soap.NS_WIN_SHELL + "/Command", soap.NS_WIN_SHELL + "/CommandResponse"}
	opSend    = operation{"Send", soap.NS_WIN_SHELL + "/Send", soap.NS_WIN_SHELL + "/SendResponse"}
	opReceive = operation{"Receive", soap.NS_WIN_SHELL + "/Receive", soap.NS_WIN_SHELL + "/ReceiveResponse"}
	opSignal  = operation{"Signal", soap.NS_WIN_SHELL + "/Signal", soap.NS_WIN_SHELL + "/SignalResponse"}
)

func operationOf(action string) (operation, bool) {
	for _, op := range []operation{opCreate, opDelete, opCommand, opSend, opReceive, opSignal} {
		if op.action == action {
			return op, true
		}
	}
	return operation{}, false
}
