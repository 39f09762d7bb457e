Stop-Operation -Code 'not-yet' -Message 'task-start is not there yet'
