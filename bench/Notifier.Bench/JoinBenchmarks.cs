using BenchmarkDotNet.Attributes;
using Notifier.Connections;
using Notifier.Tests.Support;

namespace Notifier.Bench;

/// <summary>One more subscriber joins a name and leaves again.</summary>
[MemoryDiagnoser, ShortRunJob]
public class JoinBenchmarks
{
    private SubscriberGroup group = null!;
    private Connection connection = null!;

    [Params(1, 100, 10_000)]
    public int Subscribers { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        group = new SubscriberGroup(Enumerable.Range(0, Subscribers).Select(_ => new OpenTransport()));
        connection = SubscriberGroup.Connect(new OpenTransport());
    }

    [Benchmark]
    public void JoinAndLeave()
    {
        var subscriber = group.Join(connection);
        connection.Post(subscriber.Leave);
    }
}
