# What all operations share. The operation's own file follows.
Set-StrictMode -Version Latest

function Stop-Operation([string]$Code, [string]$Message, [string]$Detail = '') {
    $e = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $e.Data['code'] = $Code
    $e.Data['detail'] = $Detail
    throw $e
}
