using BenchmarkDotNet.Attributes;
using Notifier.Messages;
using Notifier.Tests.Support;

namespace Notifier.Bench;

/// <summary>Broadcasts a batch of messages to transports that accept everything, which measures only the server's own work.</summary>
[MemoryDiagnoser, ShortRunJob]
public class PassBenchmarks
{
    private SubscriberGroup group = null!;
    private Message[] messages = null!;

    [Params(1, 100, 10_000)]
    public int Subscribers { get; set; }

    [Params(1, 64)]
    public int Messages { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        group = new SubscriberGroup(Enumerable.Range(0, Subscribers).Select(_ => new OpenTransport()));
        messages = new Message[Messages];
    }

    [Benchmark]
    public void Pass() => group.Subscription.DeliverAndBroadcast(Payloads.Receive(messages));
}
