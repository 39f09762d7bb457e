package winrm

// The namespaces of SOAP 1.2, WS-Addressing, WS-Transfer, WS-Management and
// MS-WSMV.
const (
	nsSOAP       = "http://www.w3.org/2003/05/soap-envelope"
	nsAddressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	nsTransfer   = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
	nsWSMan      = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
	nsMSWSMan    = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
	nsShell      = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
	nsFault      = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"

	actionFault      = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
	actionAddrFault  = "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault"
	resourceCmdShell = nsShell + "/cmd"
	anonymous        = nsAddressing + "/role/anonymous"
	stateDone        = nsShell + "/CommandState/Done"
	stateRunning     = nsShell + "/CommandState/Running"
	signalTerminate  = nsShell + "/signal/terminate"
	signalCtrlC      = nsShell + "/signal/ctrl_c"
	signalCtrlBreak  = nsShell + "/signal/ctrl_break"
)

// operations maps an action URI to the operation's name. These six are all
// that a command shell needs.
var operations = map[string]string{
	nsTransfer + "/Create": "Create",
	nsTransfer + "/Delete": "Delete",
	nsShell + "/Command":   "Command",
	nsShell + "/Send":      "Send",
	nsShell + "/Receive":   "Receive",
	nsShell + "/Signal":    "Signal",
}
