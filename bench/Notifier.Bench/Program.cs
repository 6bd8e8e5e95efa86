using System.Reflection;
using BenchmarkDotNet.Running;
using Notifier.Bench;

// Measures the memory that a delivery, a message and a join allocate. The important column is "Allocated". The times
// come from a short job and are less exact. ../compare.py measures the speed of the server with Redis and real clients.
if (args is ["threads"])
    ThreadsBenchmark.Run();
else
    BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly()).Run(args);
