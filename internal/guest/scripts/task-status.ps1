$name = "wintemplate-$($Parameters.id)"
$folder = "$env:ProgramData\wintemplate\tasks\$($Parameters.id)"
$boot = Get-Boot
$answer = @{ state = 'absent'; stage = ''; envelope = ''; boot_id = $boot.Id; last_result = 0 }
# The task first, its result after: a task that ends in between is done, not lost.
$task = Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue
if ($null -ne $task) {
    $answer.state = 'lost'
    if ("$($task.State)" -in 'Running', 'Queued') { $answer.state = 'running' }
    $info = Get-ScheduledTaskInfo -TaskName $name -ErrorAction SilentlyContinue
    if ($null -ne $info) { $answer.last_result = [long]$info.LastTaskResult }
}
try {
    if (Test-Path -LiteralPath "$folder\stage") { $answer.stage = "$(Get-Content -LiteralPath "$folder\stage" -TotalCount 1)" }
} catch {
    # The task is writing it: no other may read it then. The next look will.
    Write-Verbose -Message "$_"
}
if (Test-Path -LiteralPath "$folder\result") {
    $line = "$(Get-Content -LiteralPath "$folder\result" -TotalCount 1)"
    $utf8 = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
    $answer.envelope = $utf8.GetString([Convert]::FromBase64String($line.Substring('wintemplate-result:'.Length)))
    $answer.state = 'done'
}
Complete-Operation -Result $answer
