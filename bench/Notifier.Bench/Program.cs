using System.Reflection;
using BenchmarkDotNet.Running;
using Notifier.Bench;

// What a delivery, a message and a join cost in memory. The column to look at is "Allocated"; the times are those of a
// short job. How fast the server is with Redis and real clients is measured by ../compare.py.
if (args is ["threads"])
    ThreadsBenchmark.Run();
else
    BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly()).Run(args);
