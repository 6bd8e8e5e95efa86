using FluentAssertions;
using Notifier.History;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>
/// Random histories of a few names and peers. Each assertion message contains the seed, so that a history can be repeated.
/// </summary>
public sealed class HubModelTests
{
    private static readonly RecentOptions Roomy = new() { Messages = 1_000_000, Bytes = int.MaxValue, Age = TimeSpan.FromHours(1) };
    private static readonly RecentOptions Tight = new() { Messages = 50, Bytes = int.MaxValue, Age = TimeSpan.FromHours(1) };

    [Fact]
    public async Task Every_connection_receives_all_messages_in_order_through_joins_leaves_and_stalls()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var model = new HubModel(seed, names: 3, Roomy);
            Drive(model, new Random(seed), steps: 300);
            await model.CheckAsync();
            model.Peers.Should().AllSatisfy(peer => peer.Connection.CloseRequested.Should().BeNull());
        }
    }

    [Fact]
    public async Task A_connection_that_falls_out_of_the_log_finishes_its_frame_and_is_closed_with_4508()
    {
        var tooSlow = 0;
        for (var seed = 1000; seed < 1060; seed++)
        {
            var model = new HubModel(seed, names: 2, Tight);
            Drive(model, new Random(seed), steps: 300);
            await model.CheckAsync();
            tooSlow += model.Peers.Count(peer => peer.Connection.CloseRequested is { Code: 4508 });
        }
        tooSlow.Should().BeGreaterThan(20, "the random histories must include slow readers");
    }

    [Fact]
    public async Task Every_connection_receives_all_messages_in_order_when_joins_leaves_and_stalls_are_concurrent()
    {
        for (var seed = 2000; seed < 2012; seed++)
        {
            var model = new HubModel(seed, names: 3, Roomy);
            var peers = Enumerable.Range(0, 40).Select(_ => model.Connect()).ToArray();
            var publishers = model.Names.Select((name, n) => OwnThread.RunAsync(() => Publish(name, new Random(seed + n), messages: 800))).ToArray();
            var done = Task.WhenAll(publishers);
            var churn = OwnThread.RunAsync(() => Churn(model, peers, new Random(seed), () => done.IsCompleted));
            var gaps = OwnThread.RunAsync(() => NoteGaps(model, () => done.IsCompleted));
            var stalls = OwnThread.RunAsync(() => ModelPeers.StallSome(Array.ConvertAll(peers, static peer => peer.Transport), new Random(seed), () => done.IsCompleted));
            await Task.WhenAll([done, churn, gaps, stalls]);
            await model.CheckAsync();
        }
    }

    private static void Drive(HubModel model, Random random, int steps)
    {
        for (var step = 0; step < steps; step++)
        {
            var name = model.Names[random.Next(model.Names.Length)];
            var peer = model.Peers.Count > 0 ? model.Peers[random.Next(model.Peers.Count)] : model.Connect();
            switch (random.Next(12))
            {
                case 0 when model.Peers.Count < 12:
                    HubModel.Join(model.Connect(), name);
                    break;
                case 1 or 2:
                    HubModel.Join(peer, name);
                    break;
                case 3:
                    HubModel.Leave(peer, name);
                    break;
                case 4:
                    peer.Transport.Stall();
                    break;
                case 5:
                    peer.Transport.GoOn();
                    break;
                case 6:
                    name.Subscription.NoteGap(GapCode.Redis);
                    break;
                case 7:
                    name.Publish(1, padding: random.Next(2 * FrameBatch.LargePayload));     // small and large messages
                    break;
                case 8:
                    peer.Connection.SendPing();
                    break;
                default:
                    name.Publish(random.Next(1, 30), padding: random.Next(200));
                    break;
            }
        }
    }

    private static void Publish(HubModel.ModelName name, Random random, int messages)
    {
        for (var count = 0; count < messages; count++)
            name.Publish(random.Next(1, 20), padding: random.Next(50) == 0 ? FrameBatch.LargePayload : random.Next(200));
    }

    private static void Churn(HubModel model, HubModel.Peer[] peers, Random random, Func<bool> isOver)
    {
        while (!isOver())
        {
            var peer = peers[random.Next(peers.Length)];
            var name = model.Names[random.Next(model.Names.Length)];
            if (random.Next(3) > 0)
                HubModel.Join(peer, name);
            else if (random.Next(4) == 0)
                HubModel.Leave(peer, name);
            else
                peer.Connection.SendPing();
            Thread.Yield();
        }
        foreach (var peer in peers)
            HubModel.Join(peer, model.Names[0]);
    }

    private static void NoteGaps(HubModel model, Func<bool> isOver)
    {
        while (!isOver())
        {
            model.Names[1].Subscription.NoteGap(GapCode.Redis);
            Thread.Yield();
        }
    }
}
