module covey/bench/peers/go

go 1.19
