# Runs one operation: its name, parameters (JSON) and script are three lines of base64.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$utf8 = New-Object System.Text.UTF8Encoding($false)
$answer = @{ ok = $false; reboot = $false }
try {
    if (Test-Path -Path Variable:WintemplateRequest) {
        $lines = @(Get-Content -LiteralPath $WintemplateRequest -Encoding ASCII)
        Remove-Item -LiteralPath $WintemplateRequest -Force
    } else {
        $lines = @($input)
    }
    if ($lines.Count -lt 3) { throw "the request has $($lines.Count) lines, expected 3" }
    $text = @(foreach ($line in $lines[0..2]) { $utf8.GetString([Convert]::FromBase64String("$line".Trim())) })
    $Parameters = ConvertFrom-Json -InputObject $text[1]
    $results = @()
    foreach ($o in @(& ([ScriptBlock]::Create($text[2])))) {
        if ($o -is [hashtable] -and $o.ContainsKey('wintemplate')) { $results += $o } else { [Console]::Out.WriteLine("$o") }
    }
    if ($results.Count -ne 1) { throw "$($text[0]) gave $($results.Count) results, expected 1" }
    $answer.result = $results[0].result
    $answer.reboot = [bool]$results[0].reboot
    $answer.ok = $true
} catch {
    $data = $_.Exception.Data
    $answer.error = @{ code = 'script'; message = "$($_.Exception.Message)"; detail = "$($_.FullyQualifiedErrorId)`n$($_.ScriptStackTrace)" }
    if ($data.Contains('code')) { $answer.error.code = "$($data['code'])"; $answer.error.detail = "$($data['detail'])" }
}
$line = 'wintemplate-result:' + [Convert]::ToBase64String($utf8.GetBytes((ConvertTo-Json -InputObject $answer -Depth 12 -Compress)))
if (Test-Path -Path Variable:WintemplateResult) {
    # Moved into place, so that a reader never sees half of it.
    Set-Content -LiteralPath "$WintemplateResult.new" -Value $line -Encoding ASCII
    Move-Item -LiteralPath "$WintemplateResult.new" -Destination $WintemplateResult -Force
} else {
    # In a line of its own: programs write here too, and may have left theirs open.
    [Console]::Out.WriteLine("`r`n$line")
}
