Stop-Operation -Code 'not-yet' -Message 'task-remove is not there yet'
