using BenchmarkDotNet.Attributes;
using Notifier.Connections;
using Notifier.Tests.Support;

namespace Notifier.Bench;

/// <summary>One more subscriber on a name, who leaves again.</summary>
[MemoryDiagnoser, ShortRunJob]
public class JoinBenchmarks
{
    private Audience audience = null!;
    private Connection connection = null!;

    [Params(1, 100, 10_000)]
    public int Subscribers { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        audience = new Audience(Enumerable.Range(0, Subscribers).Select(_ => new OpenLane()));
        connection = Audience.Connect(new OpenLane());
    }

    [Benchmark]
    public void JoinAndLeave()
    {
        var subscriber = audience.Join(connection);
        connection.Run(subscriber.Leave);
    }
}
