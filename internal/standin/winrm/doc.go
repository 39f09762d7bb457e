// Package winrm is a stand-in for the WinRM service of Windows: a strict
// WS-Management server with Windows Remote Shell (MS-WSMV), for tests and for
// the stand-in guest. It knows nothing of processes: a [Starter] runs the
// command lines.
//
// It is as strict as the real one where clients go wrong, and each refusal
// cites the fact behind it. What it does not do: NTLM, Kerberos, message
// encryption, WMI, event subscriptions, client certificates.
package winrm
