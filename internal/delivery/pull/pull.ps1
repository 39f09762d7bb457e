# Fetches one file over HTTP. Standard input is one line: base64 of UTF-8 JSON
# with url, path and sha256. The file appears under its name only when its
# digest on disk is the one that was asked for.
# Kept short: with its line breaks encoded it must fit cmd.exe's 8191 characters.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$utf8 = [System.Text.Encoding]::UTF8
$answer = $null
$file = $null
$part = $null
$said = 'ok:'
try {
    $asked = ConvertFrom-Json -InputObject ($utf8.GetString([Convert]::FromBase64String([Console]::In.ReadLine())))
    # .NET has another current folder than PowerShell.
    $path = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($asked.path)
    if (Test-Path -LiteralPath $path -PathType Container) { throw ($path + ' is a folder') }
    $folder = [System.IO.Path]::GetDirectoryName($path)
    if (-not (Test-Path -LiteralPath $folder)) { $null = New-Item -ItemType Directory -Path $folder -Force }
    # Not Invoke-WebRequest: since December 2025 (KB5071546) it asks a question
    # unless -UseBasicParsing is there, and it knows no read time-out.
    $request = [System.Net.WebRequest]::Create($asked.url)
    $request.Proxy = $null
    $request.Timeout = 10000
    $request.ReadWriteTimeout = 60000
    $answer = $request.GetResponse()
    $part = $path + '.part'
    $file = New-Object -TypeName System.IO.FileStream -ArgumentList $part, 'Create'
    $answer.GetResponseStream().CopyTo($file, 1048576)
    $file.Dispose()
    # Read back: what counts is what the disk has.
    $file = New-Object -TypeName System.IO.FileStream -ArgumentList $part, 'Open', 'Read'
    $digest = [System.BitConverter]::ToString([System.Security.Cryptography.SHA256]::Create().ComputeHash($file)).Replace('-', '').ToLowerInvariant()
    $file.Dispose()
    if ($digest -eq $asked.sha256) { Move-Item -LiteralPath $part -Destination $path -Force }
    $said += $digest
} catch {
    $said = 'error:' + [Convert]::ToBase64String($utf8.GetBytes([string]$_.Exception.Message))
} finally {
    if ($answer) { $answer.Close() }
    if ($file) { $file.Dispose() }
    if ($part -and (Test-Path -LiteralPath $part)) { Remove-Item -LiteralPath $part -Force }
}
[Console]::Out.WriteLine('wintemplate-pull:' + $said)
