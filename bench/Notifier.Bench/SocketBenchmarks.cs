using BenchmarkDotNet.Attributes;
using Notifier.Messages;
using Notifier.Tests.Support;

namespace Notifier.Bench;

/// <summary>The same over TCP. The peers read in the same thread so that no peer falls behind, and the result includes their time.</summary>
[MemoryDiagnoser, ShortRunJob]
public class SocketBenchmarks
{
    private LoopbackPeers peers = null!;
    private SubscriberGroup group = null!;
    private Message[] messages = null!;

    [Params(1, 100, 1_000)]
    public int Subscribers { get; set; }

    [Params(1, 64)]
    public int Messages { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        peers = new LoopbackPeers(Subscribers);
        group = new SubscriberGroup(peers.Transports);
        messages = new Message[Messages];
    }

    [GlobalCleanup]
    public void Cleanup() => peers.Dispose();

    [Benchmark]
    public void PassAndRead()
    {
        group.Subscription.DeliverAndBroadcast(Payloads.Receive(messages));
        peers.ReadAll(Messages * Payloads.FrameBytes);
    }
}
