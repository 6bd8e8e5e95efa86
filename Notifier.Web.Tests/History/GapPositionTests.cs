using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.History;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>
/// A gap of a durable name has a position in the journal, and a client that resumes before that position receives the gap. Gaps without a
/// position made the search skip messages, and the client received "recovered" although it had missed some.
/// </summary>
public sealed class GapPositionTests
{
    [Fact]
    public async Task A_client_that_resumes_before_an_oversized_message_receives_a_gap_for_it_and_all_other_messages()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: ["History:Durable:Channels:0=durable.*", "Limits:PayloadBytes=100"]);
        await using var listener = await JsonClient.ConnectAsync(app);
        await listener.SubscribeAsync("channel", "durable.large");
        var positions = new List<string>();
        for (var n = 0; n < 6; n++)
            positions.Add(await redis.Connection.PublishDurablyAsync("durable.large", n == 3 ? new string('x', 101) : $"{n}"));
        foreach (var n in new int?[] { 0, 1, 2, null, 4, 5 })
            (n is null ? (string?)(await listener.ReadAsync())["code"] : (string?)(await listener.ReadAsync())["data"]).Should().Be(n is null ? "tooLarge" : $"{n}");

        for (var last = 0; last < 5; last++)
        {
            await using var client = await JsonClient.ConnectAsync(app);
            var subscribed = await client.AskAsync($$"""{"type":"subscribe","channel":"durable.large","after":"{{positions[last]}}"}""");
            ((bool?)subscribed["recovered"]).Should().Be(last > 3, $"{last}: {subscribed.ToJsonString()}");
            for (var n = last + 1; n < 6; n++)
            {
                var next = await client.ReadAsync();
                if (n == 3)
                    ((string?)next["code"]).Should().Be("tooLarge");
                else
                    ((string?)next["data"]).Should().Be($"{n}", next.ToJsonString());
            }
        }
    }

    [Fact]
    public void A_gap_for_dropped_messages_is_found_from_the_journal_position_of_each_of_them()
    {
        var log = new MessageLog(new RecentOptions { Messages = 1_000_000, Bytes = int.MaxValue }, new FakeTimeProvider());
        var unsent = new UnsentMessages(log);
        var id = 1000L;
        for (; !unsent.IsDropping; id++)
            unsent.Append([Message.Create(null, new byte[16]) with { JournalId = id }], 0);
        var dropped = id - 1;
        for (; id < dropped + 50; id++)
            unsent.Append([Message.Create(null, new byte[16]) with { JournalId = id }], 0);

        unsent.OnSent(log.Next, UnsentMessages.MaxBytes, 0, out var lost);
        unsent.Append([Message.Create(null, new byte[16]) with { JournalId = id }], 0);

        lost.Should().Be(50);
        for (var place = dropped - 1; place < id - 1; place++)
        {
            log.NumberAfter(place).Should().Be(log.LastGap, $"{place} precedes a dropped message");
            log.JournalIdOfGap.Should().BeGreaterThan(place);
        }
        log.NumberAfter(id - 1).Should().BeInRange(log.LastGap, log.Next - 1, "the search skips nothing after the gap");
    }

    [Fact]
    public void A_gap_for_a_failed_broadcast_follows_the_messages_that_were_appended_before_it()
    {
        var log = new MessageLog(new RecentOptions(), new FakeTimeProvider());
        var unsent = new UnsentMessages(log);
        for (var id = 1; id <= 3; id++)
            unsent.Append([Message.Create(null, [1]) with { JournalId = id }], 0);

        unsent.AppendGap(GapCode.Internal, 0);
        unsent.Append([Message.Create(null, [1]) with { JournalId = 4 }], 0);

        new[] { 1L, 2, 3 }.Select(id => log.NumberAfter(id)).Should().Equal(2, 3, 4);
        log.JournalIdOfGap.Should().Be(3);
    }
}
