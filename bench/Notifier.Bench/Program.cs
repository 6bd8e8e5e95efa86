using System.Reflection;
using BenchmarkDotNet.Running;

// What a delivery, a message and a join cost in memory. The column to look at is "Allocated"; the times are those of a
// short job. How fast the server is with Redis and real clients is measured by ../compare.py.
BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly()).Run(args);
