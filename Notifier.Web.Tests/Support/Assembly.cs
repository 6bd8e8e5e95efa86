using Xunit;

// Two cores are enough for one real server, one real Redis and one load at a time; more would only make limits of time lie.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
