# Takes one file from standard input, as lines: the path (base64 of UTF-8),
# the file in pieces (base64), "=" and the SHA-256 of what was sent.
# The file appears under its name only when its digest on disk is right.
# Kept short: with its line breaks encoded it must fit cmd.exe's 8191 characters.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$utf8 = [System.Text.Encoding]::UTF8
$file = $null
$part = $null
$said = 'ok:'
try {
    $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList ([Console]::OpenStandardInput()), ([System.Text.Encoding]::ASCII), $false, 1048576
    $path = $utf8.GetString([Convert]::FromBase64String($reader.ReadLine()))
    # .NET has another current folder than PowerShell.
    $path = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($path)
    if (Test-Path -LiteralPath $path -PathType Container) { throw ($path + ' is a folder') }
    $folder = [System.IO.Path]::GetDirectoryName($path)
    if (-not (Test-Path -LiteralPath $folder)) { $null = New-Item -ItemType Directory -Path $folder -Force }
    $part = $path + '.part'
    $file = New-Object -TypeName System.IO.FileStream -ArgumentList $part, 'Create'
    while ($true) {
        $line = $reader.ReadLine()
        if ($null -eq $line) { throw 'standard input ended within the file' }
        if ($line.StartsWith('=')) { break }
        $bytes = [Convert]::FromBase64String($line)
        $file.Write($bytes, 0, $bytes.Length)
    }
    $file.Dispose()
    # Read back: what counts is what the disk has.
    $file = New-Object -TypeName System.IO.FileStream -ArgumentList $part, 'Open', 'Read'
    $digest = [System.BitConverter]::ToString([System.Security.Cryptography.SHA256]::Create().ComputeHash($file)).Replace('-', '').ToLowerInvariant()
    $file.Dispose()
    if ($digest -eq $line.Substring(1)) { Move-Item -LiteralPath $part -Destination $path -Force }
    $said += $digest
} catch {
    $said = 'error:' + [Convert]::ToBase64String($utf8.GetBytes([string]$_.Exception.Message))
} finally {
    if ($file) { $file.Dispose() }
    if ($part -and (Test-Path -LiteralPath $part)) { Remove-Item -LiteralPath $part -Force }
}
[Console]::Out.WriteLine('wintemplate-upload:' + $said)
