package guest

import (
	"fmt"
	"strings"
)

// localAccount is the account of this machine that a communicator's user is:
// `name`, `.\name`, `HOST\name` or `name@HOST`, as Windows takes them at a logon
// (Microsoft, "User Name Formats": down-level logon name and user principal name).
// Neither character may stand in an account's own name. A domain's account gives no
// name but the reason, for one that is called the same may be on the machine.
func localAccount(user, computer string) (name, why string) {
	host, name := ".", user
	if before, after, ok := strings.Cut(user, `\`); ok {
		host, name = before, after
	} else if at := strings.LastIndexByte(user, '@'); at >= 0 {
		name, host = user[:at], user[at+1:]
	}
	switch {
	case name == "":
		return "", fmt.Sprintf("the user %q that Packer's communicator logs on with names no account", user)
	case host != "." && !strings.EqualFold(host, computer):
		return "", fmt.Sprintf("the user %q that Packer's communicator logs on with is of the domain %s, not of this machine (%s)", user, host, computer)
	}
	return name, ""
}
