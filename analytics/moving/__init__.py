"""Events of websites, moved out to files and in from those of other services"""
