using System.Text;
using FluentAssertions;
using Notifier.History;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>A pass of one name also sends the waiting messages of the connection's other names, all in one write.</summary>
public sealed class CombinedFramesTests
{
    private readonly SubscriptionContext traits = SubscriberGroup.Traits(new RecentOptions());
    private readonly ScriptedTransport transport = new();
    private readonly ScriptedTransport blocked = new();
    private readonly Subscription first;
    private readonly Subscription second;

    public CombinedFramesTests()
    {
        first = new Subscription(Name.Channel("first"), traits);
        second = new Subscription(Name.Channel("second"), traits);
        SubscriberExtensions.Join(new Subscriber(SubscriberGroup.Connect(blocked), second));      // a pass over few subscribers reaches this connection first
        var both = SubscriberGroup.Connect(transport);
        SubscriberExtensions.Join(new Subscriber(both, first));
        SubscriberExtensions.Join(new Subscriber(both, second));
    }

    [Fact]
    public async Task Waiting_messages_of_another_name_are_sent_in_the_same_write_and_only_once()
    {
        await WhileThePassOfTheSecondIsHeldUpAsync(["b1", "b2"], () => first.DeliverAndBroadcast([Text("a1")]));

        transport.Offers.Should().Be(1);
        transport.Taken.Should().Equal(Frames("a1", "b1", "b2"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(9)]
    [InlineData(14)]
    public async Task A_partial_write_is_completed_and_each_name_continues_where_it_stopped(int taken)
    {
        transport.Takes = _ =>
        {
            transport.Takes = static length => length;
            return taken;
        };

        await WhileThePassOfTheSecondIsHeldUpAsync(["b1", "b2"], () => first.DeliverAndBroadcast([Text("a1"), Text("a2")]));

        await Eventually.IsAsync(() => transport.Taken.Length >= Frames("a1", "a2", "b1", "b2").Length, "all frames were sent");
        var all = Decode(transport.Taken);
        all.Should().BeEquivalentTo("a1", "a2", "b1", "b2");
        all.Where(text => text[0] == 'a').Should().BeInAscendingOrder();
        all.Where(text => text[0] == 'b').Should().BeInAscendingOrder();
    }

    [Fact]
    public async Task A_large_message_or_a_gap_of_another_name_is_sent_by_its_own_broadcast()
    {
        var large = new byte[FrameBatch.LargePayload + 1];

        await WhileThePassOfTheSecondIsHeldUpAsync(
            [Text("b1"), Message.GapOf(GapCode.Redis), Message.Create(null, large)], () => first.DeliverAndBroadcast([Text("a1")]));

        transport.Taken.AsSpan(0, 8).ToArray().Should().Equal(Frames("a1", "b1"));
        await Eventually.IsAsync(() => transport.Taken.Length == 8 + 4 + large.Length, "the large message followed");
    }

    private Task WhileThePassOfTheSecondIsHeldUpAsync(string[] texts, Action act) =>
        WhileThePassOfTheSecondIsHeldUpAsync([.. texts.Select(Text)], act);

    /// <summary>Appends to the second name, and blocks its pass before this connection until the action is done.</summary>
    private async Task WhileThePassOfTheSecondIsHeldUpAsync(Message[] messages, Action act)
    {
        var isHeldUp = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var goOn = new ManualResetEventSlim();
        blocked.Takes = length =>
        {
            isHeldUp.TrySetResult();
            goOn.Wait(Eventually.Limit);
            return length;
        };
        var pass = OwnThread.RunAsync(() => second.DeliverAndBroadcast(messages));
        await isHeldUp.Task.WaitAsync(Eventually.Limit);
        act();
        goOn.Set();
        await pass;
    }

    private static Message Text(string text) => Message.Create(null, Encoding.UTF8.GetBytes(text));

    private static byte[] Frames(params string[] texts) =>
        [.. texts.SelectMany(text => (byte[])[0x81, (byte)text.Length, .. Encoding.UTF8.GetBytes(text)])];

    private static List<string> Decode(byte[] bytes)
    {
        var texts = new List<string>();
        for (var at = 0; at < bytes.Length; at += ServerFrame.Length(bytes.AsSpan(at)))
            texts.Add(Encoding.UTF8.GetString(bytes.AsSpan(at + 2, bytes[at + 1])));
        return texts;
    }
}
