using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Notifier.Connections;
using Notifier.History;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Redis;
using Notifier.Tests.Hub;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>A receiver reads what a test has written for it, and delivers it to sinks of the test: no Redis, no browser.</summary>
public sealed class RedisReceiverTests : IDisposable
{
    /// <summary>What only the library understands.</summary>
    private static readonly byte[] Pong = Resp.Text("*2\r\n$4\r\npong\r\n$0\r\n\r\n");

    private static readonly int[] Lengths = [0, 1, 100, 16_383, 16_384, 65_535, 65_536, 65_537, 131_072, 524_288, 3, 524_288, 524_287, 0];

    private readonly SubscribedNames names = new();
    private readonly List<ScriptedConnection> connections = [];

    /// <summary>What the receivers did to the sinks, in order.</summary>
    private readonly ConcurrentQueue<string> calls = [];

    private readonly LogCapture log = new();

    /// <summary>Stands still, so that a machine with much to do does not look like a delivery that is stuck.</summary>
    private readonly FakeTimeProvider time = new();

    private RedisOptions options = new();

    private DeliveryHelpers helpers = DeliveryHelpers.None;

    public void Dispose()
    {
        connections.ForEach(static connection => connection.Dispose());
        log.Dispose();
    }

    // ---- confirmations -------------------------------------------------------------------------------------------------

    [Fact]
    public async Task Messages_before_the_confirmation_are_ignored()
    {
        var news = Attach(Name.Channel("news"));
        var connection = Connect();

        connection.Send(Resp.Message("news", "early"));
        connection.Send(Resp.Message("news", "early too"), Confirm("news"), Resp.Message("news", "1"));
        await connection.EndAsync();

        news.Received.Should().Equal("1");
        connection.Passed.Should().Equal(Confirm("news"));
    }

    [Fact]
    public async Task Messages_after_the_name_was_unsubscribed_are_ignored_until_a_new_confirmation_which_is_a_gap()
    {
        var news = Attach(Name.Channel("news"));
        var connection = Connect();

        connection.Send(Confirm("news"), Resp.Message("news", "1"), Resp.Confirmation("unsubscribe", "news"), Resp.Message("news", "ignored"));
        connection.Send(Resp.Message("news", "ignored too"), Confirm("news"), Resp.Message("news", "2"));
        await connection.EndAsync();

        news.Received.Should().Equal("1", "(Redis)", "2");
    }

    [Fact]
    public async Task Messages_of_a_name_without_a_sink_reach_neither_the_library_nor_a_sink()
    {
        var name = new SubscribedName(Resp.Text("news"), isPattern: false);
        names.Add(name);
        var connection = Connect();

        connection.Send(Confirm("news"), Resp.Message("news", "to nobody"));
        await connection.WhenReadAsync();
        var news = new Sink(Name.Channel("news"), calls);
        name.Attach(news).Should().BeTrue("Redis has confirmed it");
        connection.Send(Resp.Message("news", "1"));
        await connection.WhenReadAsync();
        name.Detach();
        connection.Send(Resp.Message("news", "to nobody"));
        await connection.EndAsync();

        news.Received.Should().Equal("1");
        connection.Passed.Should().Equal(Confirm("news"));
    }

    [Fact]
    public async Task A_name_that_is_subscribed_anew_in_the_middle_of_a_read_gets_its_messages()
    {
        var before = new SubscribedName(Resp.Text("news"), isPattern: false);
        before.Attach(new Sink(Name.Channel("news"), calls));
        names.Add(before);
        var connection = Connect();
        connection.Send(Confirm("news"));
        await connection.WhenReadAsync();
        Sink? news = null;
        connection.Passing = frames =>
        {
            if (news is not null || frames.Length == 0)
                return;
            before.Detach();
            names.Remove(before);
            news = Attach(Name.Channel("news"));
        };

        connection.Send(Pong, Resp.Message("news", "of before"), Resp.Confirmation("unsubscribe", "news"), Confirm("news"), Resp.Message("news", "1"));
        await connection.EndAsync();

        news!.Received.Should().Equal("1");
    }

    [Fact]
    public async Task The_library_gets_the_confirmation_when_the_name_is_confirmed_already()
    {
        var name = new SubscribedName(Resp.Text("news"), isPattern: false);
        names.Add(name);
        var connection = Connect();
        var wasConfirmed = new ConcurrentQueue<bool>();
        connection.Passing = frames =>
        {
            if (frames.Length > 0)
                wasConfirmed.Enqueue(name.IsConfirmed);
        };

        connection.Send(Confirm("news"));
        await connection.EndAsync();

        wasConfirmed.Should().Equal(true);
    }

    [Fact]
    public async Task A_second_connection_changes_nothing_while_the_first_lives()
    {
        var news = Attach(Name.Channel("news"));
        var first = Connect();
        var second = Connect();

        first.Send(Confirm("news"), Resp.Message("news", "1"));
        await first.WhenReadAsync();
        second.Send(Confirm("news"), Resp.Message("news", "1"), Resp.Confirmation("unsubscribe", "news"), Resp.Message("news", "1"));
        await second.WhenReadAsync();
        first.Send(Resp.Message("news", "2"));
        await first.WhenReadAsync();
        await second.EndAsync();
        first.Send(Resp.Message("news", "3"));
        await first.EndAsync();

        news.Received.Should().Equal("1", "2", "3");
        second.Passed.Should().Equal(Resp.Join(Confirm("news"), Resp.Confirmation("unsubscribe", "news")));
    }

    [Fact]
    public async Task A_second_connection_that_takes_over_begins_with_one_gap()
    {
        var news = Attach(Name.Channel("news"));
        var first = Connect();
        var second = Connect();

        first.Send(Confirm("news"), Resp.Message("news", "1"));
        await first.WhenReadAsync();
        first.Token.End();
        second.Send(Resp.Message("news", "ignored"), Confirm("news"), Confirm("news"), Resp.Message("news", "2"));
        await second.WhenReadAsync();
        first.Send(Confirm("news"), Resp.Message("news", "ignored"));
        await first.EndAsync();
        second.Send(Resp.Message("news", "3"));
        await second.EndAsync();

        news.Received.Should().Equal("1", "(Redis)", "2", "3");
        calls.Should().ContainSingle(call => call == "gap news Redis");
    }

    // ---- the order of things -------------------------------------------------------------------------------------------

    [Fact]
    public async Task All_messages_of_a_read_are_appended_before_any_of_them_is_broadcast()
    {
        Attach(Name.Channel("a"));
        Attach(Name.Channel("b"));
        Attach(Name.Pattern("*"));
        var connection = Connect();
        connection.Send(Confirm("a"), Confirm("b"), Resp.Confirmation("psubscribe", "*"));

        connection.Send(
            Resp.Message("a", "1"), Resp.PatternMessage("*", "a", "1"), Resp.Message("b", "1"), Pong, Resp.Message("a", "2"), Resp.Message("a", "3"), Resp.Message("b", "2"));
        connection.Send(Resp.Message("b", "3"), Resp.Message("a", "4"));
        await connection.EndAsync();

        calls.Should().Equal(
            "deliver a 1", "deliver * a=1", "deliver b 1", "deliver a 2 3", "deliver b 2",
            "broadcast a 1 2 3", "broadcast * a=1", "broadcast b 1 2",
            "deliver b 3", "deliver a 4",
            "broadcast b 3", "broadcast a 4");
    }

    [Fact]
    public async Task Consecutive_messages_of_a_name_are_delivered_together()
    {
        Attach(Name.Channel("news"));
        var connection = Connect();
        connection.Send(Confirm("news"));

        connection.Send([.. Enumerable.Range(1, 300).Select(static n => Resp.Message("news", $"{n}"))]);
        await connection.EndAsync();

        // 256 messages are the most that are delivered together.
        calls.Should().Equal(
            $"deliver news {Numbers(1, 256)}", $"deliver news {Numbers(257, 44)}", $"broadcast news {Numbers(1, 300)}");

        static string Numbers(int first, int count) => string.Join(' ', Enumerable.Range(first, count));
    }

    [Fact]
    public async Task What_a_broadcast_leaves_is_broadcast_after_another_read()
    {
        var a = Attach(Name.Channel("a"));
        Attach(Name.Channel("b"));
        var connection = Connect();
        a.MostAtOnce = 1;
        a.Broadcasting = sink =>
        {
            if (sink.Received.IsEmpty)
                connection.Send(Resp.Message("b", "1"));
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("a", "2"), Resp.Message("a", "3"));
        await connection.WhenReadAsync();
        await connection.EndAsync();

        calls.Should().Equal("deliver a 1 2 3", "broadcast a 1", "deliver b 1", "broadcast a 2", "broadcast b 1", "broadcast a 3");
    }

    [Fact]
    public async Task Messages_of_a_full_name_are_dropped_and_counted_before_those_that_follow()
    {
        var a = Attach(Name.Channel("a"));
        Attach(Name.Channel("b"));
        var connection = Connect();
        connection.Send(Confirm("a"), Confirm("b"));
        await connection.WhenReadAsync();
        var asked = 0;
        a.Full = () => ++asked is <= 4 or 6;    // not asked between messages that are delivered together

        connection.Send(
            Resp.Message("a", "1"), Resp.Message("a", "2"), Resp.Message("b", "1"), Resp.Message("a", "3"), Resp.Message("a", "4"), Resp.Message("a", "5"),
            Resp.Message("a", "6"), Resp.Message("b", "2"));
        await connection.WhenReadAsync();
        asked = 0;
        connection.Send(Resp.Message("a", "7"), Resp.Message("a", "8"));
        connection.Send(Resp.Message("a", "9"), Confirm("a"), Resp.Message("a", "10"));
        await connection.EndAsync();

        calls.Where(static call => !call.StartsWith("broadcast", StringComparison.Ordinal)).Should().Equal(
            "drop a 2", "deliver b 1", "drop a 2", "deliver a 5 6", "deliver b 2", "drop a 2", "drop a 1", "drop a 1");
        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Confirm("b"), Confirm("a")), "what is dropped is no business of the library");
    }

    // ---- what goes where -----------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Messages_reach_their_sinks_and_every_other_byte_the_library_in_one_read(int seed)
    {
        var traffic = new Traffic(seed);

        await CheckAsync(traffic, connection => connection.Send(traffic.Bytes));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Messages_reach_their_sinks_and_every_other_byte_the_library_a_byte_at_a_time(int seed)
    {
        var traffic = new Traffic(seed, steps: 200);

        await CheckAsync(traffic, connection => connection.SendInChunks(traffic.Bytes, static () => 1));
    }

    [Fact]
    public async Task Messages_reach_their_sinks_and_every_other_byte_the_library_in_reads_of_random_sizes()
    {
        for (var seed = 100; seed < 112; seed++)
        {
            var traffic = new Traffic(seed);
            var random = new Random(seed);
            var most = random.Next(2) == 0 ? 100 : 100_000;

            await CheckAsync(traffic, connection => connection.SendInChunks(traffic.Bytes, () => random.Next(1, most)));
        }
    }

    private static async Task CheckAsync(Traffic traffic, Action<ScriptedConnection> send)
    {
        // Each has names of its own.
        using var test = new RedisReceiverTests();
        var sinks = traffic.Names.ToDictionary(static name => name, name => test.Attach(name));
        var connection = test.Connect();
        send(connection);
        (await connection.EndAsync()).Should().BeNull();

        connection.Passed.AsSpan().SequenceEqual(traffic.ForLibrary).Should().BeTrue($"the library gets its bytes (seed {traffic.Seed})");
        foreach (var (name, sink) in sinks)
            sink.Received.Should().Equal(traffic.ForSinks[name], $"{name} gets its messages (seed {traffic.Seed})");
        connection.Errors.Should().BeEmpty();
        test.log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task Ten_thousand_names_confirmed_in_one_read_get_a_message_each()
    {
        const int count = 10_000;
        var sinks = Enumerable.Range(0, count).Select(n => Attach(Name.Channel($"name.{n}"))).ToArray();
        var connection = Connect();

        connection.Send([.. Enumerable.Range(0, count).Select(static n => Confirm($"name.{n}")), .. Enumerable.Range(0, count).Select(static n => Resp.Message($"name.{n}", $"{n}"))]);
        await connection.EndAsync();

        for (var n = 0; n < count; n++)
            sinks[n].Received.Should().Equal([$"{n}"]);
        connection.Passed.Should().Equal(Resp.Join([.. Enumerable.Range(0, count).Select(static n => Confirm($"name.{n}"))]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Payloads_from_nothing_to_half_a_megabyte_arrive_whole(bool inOneRead)
    {
        var news = Attach(Name.Channel("news"));
        var all = Attach(Name.Pattern("*"));
        var random = new Random(1);
        var payloads = Lengths.Select(length =>
        {
            var payload = new byte[length];
            random.NextBytes(payload);
            return payload;
        }).ToArray();
        var connection = Connect();
        var frames = payloads.SelectMany(static payload => new[] { Resp.Message("news", payload), Resp.PatternMessage("*", "news", payload), Pong });
        byte[][] stream = [Confirm("news"), Resp.Confirmation("psubscribe", "*"), .. frames];

        if (inOneRead)
            connection.Send(stream);
        else
            connection.SendInChunks(Resp.Join(stream), () => random.Next(1, 20_000));
        await connection.EndAsync();

        foreach (var sink in new[] { news, all })
        {
            sink.Payloads.Should().HaveCount(payloads.Length);
            sink.Payloads.Zip(payloads).Should().AllSatisfy(static pair => pair.First.AsSpan().SequenceEqual(pair.Second).Should().BeTrue());
        }
        connection.Passed.Should().HaveCount(Confirm("news").Length + Resp.Confirmation("psubscribe", "*").Length + (payloads.Length * Pong.Length));
    }

    [Fact]
    public async Task A_message_of_a_pattern_has_its_channel_and_one_of_a_channel_has_none()
    {
        var channel = Attach(Name.Channel("é"));
        var pattern = Attach(Name.Pattern("?"));
        var connection = Connect();

        connection.Send(
            Confirm("é"), Resp.Confirmation("psubscribe", "?"), Resp.Message("é", "1"), Resp.PatternMessage("?", "é", "1"), Resp.PatternMessage("?", "x", "2"));
        await connection.EndAsync();

        channel.Received.Should().Equal("1");
        pattern.Received.Should().Equal("é=1", "x=2");
    }

    [Fact]
    public async Task A_pattern_and_a_channel_of_the_same_bytes_are_two_names()
    {
        var channel = Attach(Name.Channel("*"));
        var connection = Connect();

        connection.Send(
            Resp.Confirmation("psubscribe", "*"), Resp.Message("*", "ignored"), Confirm("*"), Resp.Message("*", "1"), Resp.PatternMessage("*", "*", "the library's"));
        await connection.EndAsync();

        channel.Received.Should().Equal("1");
        connection.Passed.Should().Equal(Resp.Join(Resp.Confirmation("psubscribe", "*"), Confirm("*"), Resp.PatternMessage("*", "*", "the library's")));
    }

    [Fact]
    public async Task The_prefix_of_a_channel_is_removed_and_channels_without_it_do_not_reach_a_pattern()
    {
        options = new RedisOptions { ChannelPrefix = "app:" };
        var news = Attach(Name.Channel("news"), "app:news");
        var all = Attach(Name.Pattern("*"), "app:*");
        var connection = Connect();

        connection.Send(
            Confirm("app:news"), Resp.Confirmation("psubscribe", "app:*"), Resp.Message("app:news", "1"), Resp.PatternMessage("app:*", "app:news", "1"),
            Resp.PatternMessage("app:*", "news", "outside"), Resp.PatternMessage("app:*", "app", "outside"), Resp.PatternMessage("app:*", "app:", "2"));
        await connection.EndAsync();

        news.Received.Should().Equal("1");
        all.Received.Should().Equal("news=1", "2");
    }

    [Theory]
    [InlineData("")]
    [InlineData("app:")]
    public async Task Reserved_channels_never_reach_a_pattern(string prefix)
    {
        options = new RedisOptions { ChannelPrefix = prefix };
        var all = Attach(Name.Pattern("*"), prefix + "*");
        var connection = Connect();
        var reserved = new[] { "__x", "__keyspace@0__:a", "__", "notifier:x", "notifier:", prefix + "__x", prefix + "notifier:x" };

        connection.Send(Resp.Confirmation("psubscribe", prefix + "*"));
        connection.Send([.. reserved.Select(channel => Resp.PatternMessage(prefix + "*", channel, "secret")), Resp.PatternMessage(prefix + "*", prefix + "_x", "1")]);
        await connection.EndAsync();

        all.Received.Should().Equal("_x=1");
        connection.Passed.Should().Equal(Resp.Confirmation("psubscribe", prefix + "*"), "they are no business of the library either");
    }

    [Fact]
    public async Task Each_read_is_a_sign_of_life_for_the_library()
    {
        Attach(Name.Channel("news"));
        var connection = Connect();
        var passed = new ConcurrentQueue<int>();
        connection.Passing = frames => passed.Enqueue(frames.Length);

        connection.Send(Confirm("news"));
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("news", "1"));
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("news", "2")[..5]);
        await connection.EndAsync();

        passed.Should().Equal(Confirm("news").Length, 0, 0, 0);
        connection.Batches.Should().BeGreaterThanOrEqualTo(3);
    }

    // ---- how it ends ---------------------------------------------------------------------------------------------------

    [Fact]
    public async Task A_connection_that_ends_is_closed_once_and_counts_no_more()
    {
        var news = Attach(Name.Channel("news"));
        var connection = Connect();

        connection.Send(Confirm("news"), Resp.Message("news", "1"), Resp.Message("news", "never whole")[..^1]);
        await connection.WhenReadAsync();
        connection.Token.IsAlive.Should().BeTrue();
        (await connection.EndAsync()).Should().BeNull();

        connection.Token.IsAlive.Should().BeFalse();
        news.Received.Should().Equal("1");
        connection.Errors.Should().BeEmpty();
        log.Lines.Should().BeEmpty();
    }

    [Theory]
    [InlineData(typeof(SocketException), true)]
    [InlineData(typeof(IOException), true)]
    [InlineData(typeof(ObjectDisposedException), true)]
    [InlineData(typeof(InvalidOperationException), false)]
    public async Task A_connection_that_fails_delivers_what_has_come_and_is_closed(Type kind, bool isUsual)
    {
        var error = kind == typeof(ObjectDisposedException) ? new ObjectDisposedException("socket") : (Exception)Activator.CreateInstance(kind)!;
        var news = Attach(Name.Channel("news"));
        var connection = Connect();
        connection.Fails = () => error;

        connection.Send(Confirm("news"), Resp.Message("news", "1"));
        var closed = await connection.EndAsync();

        closed.Should().Be(isUsual ? null : error);
        connection.Token.IsAlive.Should().BeFalse();
        news.Received.Should().Equal("1");
    }

    [Fact]
    public async Task A_library_that_wants_no_more_ends_the_connection_after_what_was_read_is_broadcast()
    {
        var news = Attach(Name.Channel("news"));
        var connection = Connect();
        connection.WantsMore = false;

        connection.Send(Confirm("news"), Resp.Message("news", "1"));
        connection.Send(Resp.Message("news", "never read"));
        (await connection.WhenClosedAsync()).Should().BeNull();

        connection.Token.IsAlive.Should().BeFalse();
        news.Received.Should().Equal("1");
    }

    [Fact]
    public async Task Bytes_that_are_not_RESP_end_the_connection_after_the_messages_before_them_are_broadcast()
    {
        var news = Attach(Name.Channel("news"));
        var connection = Connect();
        var atClose = Array.Empty<string>();
        connection.Closing = () => atClose = [.. calls];

        connection.Send(Confirm("news"), Resp.Message("news", "1"), Pong, Resp.Message("news", "2"), Resp.Text("nonsense\r\n"), Resp.Message("news", "never read"));
        connection.Send(Resp.Message("news", "never read"));
        var closed = await connection.WhenClosedAsync();

        closed.Should().BeOfType<InvalidDataException>();
        connection.Token.IsAlive.Should().BeFalse();
        news.Received.Should().Equal("1", "2");
        atClose.Should().Equal("deliver news 1", "deliver news 2", "broadcast news 1 2");
        connection.Passed.Should().Equal(Resp.Join(Confirm("news"), Pong));
        connection.Errors.Should().BeEmpty();
        log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Error && line.Text.Contains("not RESP"));
    }

    // ---- mistakes of ours ----------------------------------------------------------------------------------------------

    [Fact]
    public async Task A_delivery_that_fails_is_a_gap_and_other_names_and_later_messages_are_delivered()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Delivering = (_, texts) =>
        {
            if (texts is ["2"])
                throw new InvalidOperationException("a mistake of ours");
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"), Resp.Message("a", "2"), Resp.Message("b", "2"), Resp.Message("a", "3"));
        connection.Send(Resp.Message("a", "4"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("1", "(Internal)", "3", "4");
        b.Received.Should().Equal("1", "2");
        log.Lines.Should().ContainSingle().Which.Should().Match<(LogLevel Level, string Category, string Text)>(
            line => line.Level == LogLevel.Error && line.Text.Contains("Messages for a") && line.Text.Contains("a mistake of ours"));
    }

    [Fact]
    public async Task A_gap_that_fails_as_well_does_not_end_the_connection()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Delivering = static (_, texts) =>
        {
            if (texts is ["1"])
                throw new InvalidOperationException("a mistake of ours");
        };
        a.NotingGap = static () => throw new InvalidOperationException("another mistake of ours");

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"), Resp.Confirmation("unsubscribe", "a"), Confirm("a"), Resp.Message("a", "2"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("2");
        b.Received.Should().Equal("1");
        log.Lines.Should().HaveCount(3).And.OnlyContain(static line => line.Level == LogLevel.Error);
    }

    // ---- what is stuck -------------------------------------------------------------------------------------------------

    [Fact]
    public async Task A_stuck_broadcast_delays_its_own_name_alone()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Broadcasting = _ => stuck.WaitOnce();

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        connection.Send(Resp.Message("a", "2"), Resp.Message("b", "2"), Pong, Resp.Message("a", "3"));
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("b", "3"), Resp.Message("a", "4"));
        await connection.WhenReadAsync();

        b.Received.Should().Equal("1", "2", "3");
        a.Received.Should().BeEmpty("it is stuck");
        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Confirm("b"), Pong));
        stuck.End();
        await Eventually.IsAsync(() => a.Received.Count == 4, "what has accumulated is broadcast");
        connection.Send(Resp.Message("a", "5"), Resp.Message("b", "4"));
        (await connection.EndAsync()).Should().BeNull();
        PassTime();

        a.Received.Should().Equal("1", "2", "3", "4", "5");
        b.Received.Should().Equal("1", "2", "3", "4");
        NoSinkWasUsedByTwoThreads(a, b);
        connection.Errors.Should().BeEmpty();
        log.Lines.Should().ContainSingle().Which.Level.Should().Be(LogLevel.Critical);
    }

    /// <summary>With real time: about a second.</summary>
    [Fact]
    public async Task A_delivery_that_makes_no_progress_for_half_a_second_is_stuck()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect(TimeProvider.System);
        a.Broadcasting = _ => stuck.WaitOnce();

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"));
        await Eventually.IsAsync(() => b.Received.Count == 1, "another thread goes on", TimeSpan.FromSeconds(5));
        stuck.End();
        connection.Send(Resp.Message("a", "2"));
        await connection.EndAsync();
        await Eventually.IsAsync(() => a.Received.Count == 2, "the stuck one is broadcast in the end");

        a.Received.Should().Equal("1", "2");
        b.Received.Should().Equal("1");
        log.Lines.Should().ContainSingle().Which.Level.Should().Be(LogLevel.Critical);
    }

    [Fact]
    public async Task A_delivery_is_not_stuck_while_it_sends()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.Broadcasting = sink =>
        {
            for (var n = 0; n < 20; n++)
            {
                time.Advance(RedisReceiver.StuckAfter / 2);
                sink.Sent!(1);
            }
        };

        connection.Send(Confirm("a"), Resp.Message("a", "1"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("1");
        log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task A_receiver_that_waits_for_bytes_is_not_stuck()
    {
        var a = Attach(Name.Channel("a"));
        var connection = Connect();

        connection.Send(Confirm("a"), Resp.Message("a", "1"));
        await connection.WhenReadAsync();
        PassTime();
        PassTime();
        connection.Send(Resp.Message("a", "2"));
        await connection.EndAsync();

        a.Received.Should().Equal("1", "2");
        log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task A_stuck_delivery_lets_another_thread_deliver_other_names()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Delivered = stuck.WaitOnce;

        connection.Send(Confirm("a"), Confirm("b"), Pong, Resp.Message("a", "1"), Resp.Message("b", "1"), Pong);
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("b", "2"), Pong, Resp.Message("b", "3"));
        await connection.WhenReadAsync();

        b.Received.Should().Equal("1", "2", "3");
        a.Received.Should().BeEmpty("it is stuck");
        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Confirm("b"), Pong, Pong, Pong));
        stuck.End();
        await Eventually.IsAsync(() => !a.Received.IsEmpty, "the stuck one is broadcast in the end");
        connection.Send(Resp.Message("a", "2"), Resp.Message("b", "4"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("1", "2");
        b.Received.Should().Equal("1", "2", "3", "4");
        NoSinkWasUsedByTwoThreads(a, b);
        connection.Errors.Should().BeEmpty();
        log.Lines.Should().ContainSingle().Which.Level.Should().Be(LogLevel.Critical);
    }

    [Fact]
    public async Task A_delivery_that_gets_stuck_in_the_middle_of_a_broadcast_delays_those_two_names_alone()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var c = Attach(Name.Channel("c"));
        var connection = Connect();
        a.Broadcasting = sink =>
        {
            if (stuck.IsReached)
                return;
            connection.Send(Resp.Message("b", "1"), Resp.Message("c", "2"));
            sink.Sent!(256);
            sink.Sent!(256);
        };
        b.Delivered = stuck.WaitOnce;

        connection.Send(Confirm("a"), Confirm("b"), Confirm("c"), Resp.Message("a", "1"), Resp.Message("c", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("a", "2"), Resp.Message("c", "3"));
        await connection.WhenReadAsync();

        c.Received.Should().Equal("1", "2", "3");
        a.Received.Should().BeEmpty();
        b.Received.Should().BeEmpty();
        stuck.End();
        await Eventually.IsAsync(() => a.Received.Count == 2 && b.Received.Count == 1, "the stuck ones are broadcast in the end");
        connection.Send(Resp.Message("a", "3"), Resp.Message("b", "2"));
        (await connection.EndAsync()).Should().BeNull();

        a.Received.Should().Equal("1", "2", "3");
        b.Received.Should().Equal("1", "2");
        NoSinkWasUsedByTwoThreads(a, b, c);
        connection.Errors.Should().BeEmpty();
        log.Lines.Should().ContainSingle().Which.Level.Should().Be(LogLevel.Critical);
    }

    [Fact]
    public async Task A_broadcast_that_is_stuck_when_the_connection_ends_does_not_delay_the_close()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Broadcasting = _ => stuck.WaitOnce();

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"), Resp.Text("nonsense\r\n"));
        await stuck.WhenReachedAsync();
        PassTime();
        (await connection.WhenClosedAsync()).Should().BeOfType<InvalidDataException>();

        b.Received.Should().Equal("1");
        stuck.End();
        await Eventually.IsAsync(() => !a.Received.IsEmpty, "the stuck one is broadcast in the end");
        connection.Errors.Should().BeEmpty("it is closed once");
    }

    [Fact]
    public async Task Fifteen_stuck_names_delay_no_other()
    {
        const int count = 15;
        using var stuck = new Stuck();
        var stuckNames = Enumerable.Range(0, count).Select(n => Attach(Name.Channel($"stuck.{n}"))).ToArray();
        var news = Attach(Name.Channel("news"));
        var connection = Connect();
        connection.Send([Confirm("news"), .. stuckNames.Select(static sink => Confirm(sink.Name.Text))]);
        for (var n = 0; n < count; n++)
        {
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            stuckNames[n].Broadcasting = _ =>
            {
                reached.TrySetResult();
                stuck.Wait();
            };
            connection.Send(Resp.Message($"stuck.{n}", "1"), Resp.Message("news", $"{n}"));
            await reached.Task.WaitAsync(Eventually.Limit);
            PassTime();
            await connection.WhenReadAsync();
        }

        news.Received.Should().Equal(Enumerable.Range(0, count).Select(static n => $"{n}"));
        stuck.End();
        (await connection.EndAsync()).Should().BeNull();
        await Eventually.IsAsync(() => stuckNames.All(static sink => sink.Received.Count == 1), "the stuck ones are broadcast in the end");
        NoSinkWasUsedByTwoThreads([.. stuckNames, news]);
        connection.Errors.Should().BeEmpty();
        log.Lines.Should().HaveCount(count).And.OnlyContain(static line => line.Level == LogLevel.Critical);
    }

    /// <summary>Each broadcast that is relieved runs on beside the thread that took over.</summary>
    [Fact]
    public async Task Messages_come_once_and_in_order_however_often_another_thread_takes_over()
    {
        for (var seed = 200; seed < 215; seed++)
        {
            var traffic = new Traffic(seed);
            using var test = new RedisReceiverTests();
            var sinks = traffic.Names.ToDictionary(static name => name, name => test.Attach(name));
            var connection = test.Connect();
            var random = new Random(seed);
            foreach (var sink in sinks.Values)
            {
                sink.MostAtOnce = 3;
                var own = new Random(random.Next());
                sink.Broadcasting = broadcasting =>
                {
                    if (own.Next(2) == 0)
                        broadcasting.Sent?.Invoke(256);
                    // Whatever is being delivered is this, unless the thread was relieved already.
                    if (broadcasting.Sent is not null && own.Next(3) == 0)
                    {
                        test.PassTime();
                        Thread.Yield();
                    }
                    if (own.Next(2) == 0)
                        broadcasting.Sent?.Invoke(256);
                };
            }

            connection.SendInChunks(traffic.Bytes, () => random.Next(1, 500));
            (await connection.EndAsync()).Should().BeNull();
            await Eventually.IsAsync(() => sinks.All(pair => pair.Value.Received.Count >= traffic.ForSinks[pair.Key].Count), $"everything is broadcast (seed {seed})");

            foreach (var (name, sink) in sinks)
                sink.Received.Should().Equal(traffic.ForSinks[name], $"{name} gets its messages (seed {seed})");
            connection.Passed.AsSpan().SequenceEqual(traffic.ForLibrary).Should().BeTrue($"the library gets its bytes (seed {seed})");
            NoSinkWasUsedByTwoThreads([.. sinks.Values]);
            connection.Errors.Should().BeEmpty();
            test.log.Lines.Should().NotBeEmpty().And.OnlyContain(static line => line.Level == LogLevel.Critical);
        }
    }

    // ---- faults that were found ----------------------------------------------------------------------------------

    [Fact]
    public async Task Replies_behind_the_last_message_of_a_read_reach_the_library_though_its_delivery_is_stuck()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.Delivered = stuck.WaitOnce;

        connection.Send(Confirm("a"), Resp.Message("a", "1"), Pong);
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.EndAsync();

        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Pong));
    }

    [Fact]
    public async Task Replies_before_a_confirmation_reach_the_library_though_a_delivery_before_them_is_stuck()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        Attach(Name.Channel("b"));
        var connection = Connect();
        a.Delivered = stuck.WaitOnce;

        connection.Send(Confirm("a"), Resp.Message("a", "1"), Pong, Confirm("b"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.EndAsync();

        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Pong, Confirm("b")));
    }

    [Fact]
    public async Task Replies_before_a_confirmation_reach_the_library_though_the_gap_is_stuck()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.NotingGap = stuck.WaitOnce;

        connection.Send(Confirm("a"), Resp.Confirmation("unsubscribe", "a"), Pong, Confirm("a"), Resp.Message("a", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.EndAsync();

        connection.Passed.Should().Equal(Resp.Join(Confirm("a"), Resp.Confirmation("unsubscribe", "a"), Pong, Confirm("a")));
    }

    [Fact]
    public async Task Messages_behind_a_gap_that_is_stuck_are_skipped_and_are_a_gap_after_it()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.NotingGap = stuck.WaitOnce;

        connection.Send(Confirm("a"), Resp.Confirmation("unsubscribe", "a"), Confirm("a"), Resp.Message("a", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.EndAsync();
        await Eventually.IsAsync(() => a.Received.Count == 2, "all is broadcast");

        a.Received.Should().Equal("(Redis)", "(Internal)");
    }

    [Fact]
    public async Task Messages_of_a_name_whose_delivery_is_stuck_are_skipped_and_are_a_gap_after_it()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        a.Delivering = (_, _) => stuck.WaitOnce();

        connection.Send(Confirm("a"), Resp.Message("a", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        connection.Send(Resp.Message("a", "2"));
        await connection.WhenReadAsync();
        stuck.End();
        await Eventually.IsAsync(() => a.Received.Count == 2, "all is broadcast");
        await connection.EndAsync();

        a.Received.Should().Equal("1", "(Internal)");
        NoSinkWasUsedByTwoThreads(a);
    }

    [Fact]
    public async Task One_name_whose_delivery_is_stuck_does_not_make_the_node_deaf()
    {
        using var goOn = new ManualResetEventSlim();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        var entered = 0;
        a.Delivering = (_, _) =>
        {
            Interlocked.Increment(ref entered);
            goOn.Wait(TimeSpan.FromSeconds(8));     // as for a lock that the first of them has
        };
        connection.Send(Confirm("a"), Confirm("b"));
        try
        {
            for (var n = 1; n <= 20; n++)
            {
                connection.Send(Resp.Message("a", $"{n}"), Resp.Message("b", $"{n}"));
                PassTime();
                await Eventually.IsAsync(
                    () =>
                    {
                        PassTime();
                        return b.Received.Count == n;
                    },
                    $"b gets {n}", TimeSpan.FromSeconds(3));
            }
        }
        finally
        {
            calls.Enqueue($"{entered} threads");
            goOn.Set();
        }
    }

    [Fact]
    public async Task Messages_of_the_first_connection_come_before_the_gap_of_the_second()
    {
        var name = new SubscribedName(Resp.Text("a"), isPattern: false);
        names.Add(name);
        var a = new Sink(Name.Channel("a"), calls);
        name.Attach(a);
        var first = Connect();
        var second = Connect();
        first.Passing = frames =>
        {
            // While the first is about to read "3" the second takes over.
            if (!frames.AsSpan().SequenceEqual(Pong))
                return;
            first.Token.End();
            second.Send(Confirm("a"), Resp.Message("a", "2"));
            second.WhenReadAsync().Wait(Eventually.Limit);
        };

        first.Send(Confirm("a"), Resp.Message("a", "1"), Pong, Resp.Message("a", "3"));
        await first.EndAsync();
        await second.EndAsync();

        a.Received.Should().Equal("1", "(Redis)", "2");
    }

    [Fact]
    public async Task A_broadcast_that_fails_after_another_thread_took_over_does_not_read()
    {
        using var stuck = new Stuck();
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Broadcasting = _ =>
        {
            if (stuck.IsReached)
                return;
            stuck.WaitOnce();
            throw new InvalidOperationException("it failed in the end");
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"), Resp.Message("b", "1"));
        await stuck.WhenReachedAsync();
        PassTime();
        await connection.WhenReadAsync();
        stuck.End();
        await connection.WhenReadAsync();
        connection.Send(Resp.Message("b", "2"));
        await connection.WhenReadAsync();

        connection.Token.IsAlive.Should().BeTrue();
        await connection.EndAsync();
        connection.Errors.Should().BeEmpty();
    }

    [Fact]
    public async Task Messages_around_a_reply_that_makes_the_library_fail_are_delivered()
    {
        var a = Attach(Name.Channel("a"));
        var connection = Connect();
        connection.Passing = frames =>
        {
            if (frames.AsSpan().SequenceEqual(Pong))
                throw new InvalidOperationException("a mistake of the library's");
        };

        connection.Send(Confirm("a"));
        connection.Send(Resp.Message("a", "1"), Pong, Resp.Message("a", "2"));
        await connection.WhenClosedAsync();

        a.Received.Should().Equal("1", "2");
    }

    [Fact]
    public async Task A_metrics_listener_that_fails_does_not_end_the_connection_nor_make_the_name_deaf()
    {
        var failures = 0;
        var lane = new ScriptedLane();
        var audience = new Audience([lane]);
        using var listener = audience.Meters.ListenerOf("notifier.pass.duration");
        listener.SetMeasurementEventCallback<double>((_, _, _, _) =>
        {
            if (Interlocked.Increment(ref failures) == 1)
                throw new InvalidOperationException("a listener that fails");
        });
        listener.Start();
        Attach(audience.Subscription, "news");
        var connection = Connect();

        connection.Send(Confirm("news"), Resp.Message("news", "1"));
        await Eventually.IsAsync(() => failures > 0, "it has failed");
        connection.Send(Resp.Message("news", "2"));
        var closed = await connection.EndAsync();
        audience.Subscription.Pass([Message.Of(null, Resp.Text("3"))]);

        (closed, Encoding.Latin1.GetString(lane.Taken)).Should().Be((null, "\u0081\u00011\u0081\u00012\u0081\u00013"));
    }

    // ---- reading in the middle of a broadcast --------------------------------------------------------------------------

    [Fact]
    public async Task What_comes_during_a_broadcast_to_many_is_delivered_before_it_ends()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        var passed = Array.Empty<byte>();
        a.Broadcasting = sink =>
        {
            if (!sink.Received.IsEmpty)
                return;
            connection.Send(Pong, Resp.Message("b", "1"), Resp.Message("a", "2"));
            sink.Sent!(255);
            calls.Enqueue("255 subscribers");
            sink.Sent!(1);
            calls.Enqueue("256 subscribers");
            connection.Send(Resp.Message("b", "2"));
            sink.Sent!(300);
            passed = connection.Passed;
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"));
        await connection.WhenReadAsync();
        await connection.EndAsync();

        calls.Should().Equal(
            "deliver a 1", "255 subscribers", "deliver b 1", "deliver a 2", "256 subscribers", "deliver b 2", "broadcast a 1", "broadcast b 1 2", "broadcast a 2");
        passed.Should().Equal(Resp.Join(Confirm("a"), Confirm("b"), Pong));
        b.Received.Should().Equal("1", "2");
        NoSinkWasUsedByTwoThreads(a, b);
    }

    [Fact]
    public async Task All_that_has_come_during_a_broadcast_is_read_at_once()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        var delivered = 0;
        a.Broadcasting = sink =>
        {
            connection.Send([.. Enumerable.Range(0, 1_000).Select(static _ => Resp.Message("b", new string('x', 1_000)))]);
            sink.Sent!(256);
            delivered = b.DeliveredCount;
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"));
        await connection.WhenReadAsync();
        await connection.EndAsync();

        delivered.Should().Be(1_000);
        b.Received.Should().HaveCount(1_000);
    }

    [Fact]
    public async Task Bytes_that_are_not_RESP_read_during_a_broadcast_do_not_end_it()
    {
        var a = Attach(Name.Channel("a"));
        var b = Attach(Name.Channel("b"));
        var connection = Connect();
        a.Broadcasting = sink =>
        {
            connection.Send(Resp.Message("b", "1"), Resp.Text("nonsense\r\n"));
            sink.Sent!(256);
            connection.Send(Resp.Message("b", "never read"));
            sink.Sent!(256);
        };

        connection.Send(Confirm("a"), Confirm("b"), Resp.Message("a", "1"));
        (await connection.WhenClosedAsync()).Should().BeOfType<InvalidDataException>();

        a.Received.Should().Equal("1");
        b.Received.Should().Equal("1");
    }

    // ---- threads that help ---------------------------------------------------------------------------------------------

    [Fact]
    public async Task Helpers_broadcast_names_beside_the_reader_and_each_name_by_one_thread_at_a_time()
    {
        const int count = 64;
        helpers = new DeliveryHelpers(4);
        var wasHelped = false;
        using var goOn = new ManualResetEventSlim();
        var sinks = Enumerable.Range(0, count).Select(n => Attach(Name.Channel($"name.{n}"))).ToArray();
        foreach (var sink in sinks)
        {
            sink.MostAtOnce = 2;
            sink.Broadcasting = broadcasting =>
            {
                // The reader waits once, until a helper takes part.
                if (broadcasting.Sent is not null)
                    goOn.Wait(Eventually.Limit);
                else
                    wasHelped = true;
                goOn.Set();
                Thread.Yield();
            };
        }
        var connection = Connect();
        var random = new Random(1);
        var expected = sinks.ToDictionary(static sink => sink, static _ => new List<string>());
        var stream = new List<byte[]>();
        for (var n = 0; n < 20_000; n++)
        {
            var sink = sinks[random.Next(count)];
            expected[sink].Add($"{n}");
            stream.Add(Resp.Message(sink.Name.Text, $"{n}"));
        }

        connection.Send([.. sinks.Select(static sink => Confirm(sink.Name.Text))]);
        connection.SendInChunks(Resp.Join([.. stream]), () => random.Next(1, 10_000));
        (await connection.EndAsync()).Should().BeNull();
        await Eventually.IsAsync(() => sinks.All(sink => sink.Received.Count >= expected[sink].Count), "everything is broadcast");

        wasHelped.Should().BeTrue();
        sinks.Should().AllSatisfy(sink => sink.Received.Should().Equal(expected[sink]));
        NoSinkWasUsedByTwoThreads(sinks);
        connection.Errors.Should().BeEmpty();
        log.Lines.Should().BeEmpty();
    }

    // ---- with real subscriptions ---------------------------------------------------------------------------------------

    [Fact]
    public async Task Every_connection_gets_each_name_in_order_and_whole_while_others_come_and_go()
    {
        for (var seed = 300; seed < 302; seed++)
        {
            var model = new Model(seed, names: 4, peers: 12);
            foreach (var subscription in model.Subscriptions)
                Attach(subscription, $"{subscription.Name.Text}.{seed}");
            var connection = Connect(capacity: 16);

            var writing = Task.Run(() => Write(model, connection, new Random(seed)));
            var churn = Task.Run(() => model.Churn(new Random(seed), () => writing.IsCompleted));
            var stalls = Task.Run(() => model.Stall(new Random(seed), () => writing.IsCompleted));
            await Task.WhenAll(writing, churn, stalls).WaitAsync(Eventually.Limit);
            (await connection.EndAsync()).Should().BeNull();

            await model.CheckAsync();
            connection.Errors.Should().BeEmpty();
            log.Lines.Should().BeEmpty();
        }
    }

    private static void Write(Model model, ScriptedConnection connection, Random random)
    {
        var stream = new List<byte>();
        foreach (var subscription in model.Subscriptions)
            stream.AddRange(Confirm($"{subscription.Name.Text}.{model.Seed}"));
        for (var count = 0; count < 3_000; count++)
        {
            var n = random.Next(model.Subscriptions.Length);
            var run = random.Next(4) == 0 ? random.Next(1, 20) : 1;
            for (; run > 0; run--)
            {
                var padding = random.Next(200) == 0 ? random.Next(2 * FrameBatch.LargePayload) : random.Next(100);
                stream.AddRange(Resp.Message($"{model.Subscriptions[n].Name.Text}.{model.Seed}", model.NextPayload(n, padding)));
            }
            if (random.Next(20) == 0)
                stream.AddRange(Pong);
            if (stream.Count < 10_000)
                continue;
            var most = random.Next(3) == 0 ? 200 : 30_000;
            connection.SendInChunks([.. stream], () => random.Next(1, most));
            stream.Clear();
        }
        connection.SendInChunks([.. stream], () => random.Next(1, 30_000));
    }

    // ---- the test's own ------------------------------------------------------------------------------------------------

    private static byte[] Confirm(string channel) => Resp.Confirmation("subscribe", channel);

    private Sink Attach(Name name, string? inRedis = null)
    {
        var sink = new Sink(name, calls);
        Attach(sink, inRedis ?? name.Text);
        return sink;
    }

    private void Attach(IMessageSink sink, string inRedis)
    {
        var name = new SubscribedName(Resp.Text(inRedis), isPattern: sink.Name.Kind == NameKind.Pattern);
        name.Attach(sink);
        names.Add(name);
    }

    private ScriptedConnection Connect(TimeProvider? otherTime = null, int capacity = int.MaxValue)
    {
        var connection = new ScriptedConnection(capacity);
        connections.Add(connection);
        new RedisReceiver(
            names, new RedisNames(Options.Create(options)), helpers, connection.Token, connection, otherTime ?? time, log.CreateLogger("receiver")).Start();
        return connection;
    }

    /// <summary>Whatever is being delivered is stuck.</summary>
    private void PassTime()
    {
        for (var n = 0; n < 4; n++)
            time.Advance(RedisReceiver.StuckAfter / 2);
    }

    private static void NoSinkWasUsedByTwoThreads(params Sink[] sinks) =>
        sinks.Should().OnlyContain(static sink => !sink.WasUsedByTwoThreads, "one thread at a time delivers, and one broadcasts");

    /// <summary>Waits in the middle of a delivery until the test lets it go on.</summary>
    private sealed class Stuck : IDisposable
    {
        private readonly TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim goOn = new();

        public bool IsReached => reached.Task.IsCompleted;

        public Task WhenReachedAsync() => reached.Task.WaitAsync(Eventually.Limit);

        public void WaitOnce()
        {
            if (reached.TrySetResult())
                Wait();
        }

        public void Wait() => goOn.Wait(Eventually.Limit);

        public void End() => goOn.Set();

        public void Dispose()
        {
            goOn.Set();
            goOn.Dispose();
        }
    }

    /// <summary>Stands for a name's subscribers: appends what is delivered, and "sends" it when it is broadcast.</summary>
    private sealed class Sink(Name name, ConcurrentQueue<string> calls) : IMessageSink, IBroadcast
    {
        private readonly Lock gate = new();
        private readonly List<Message> waiting = [];
        private bool isGiven;
        private int delivering;
        private int broadcasting;

        public Name Name => name;

        /// <summary>How many messages a broadcast sends.</summary>
        public int MostAtOnce { get; set; } = int.MaxValue;

        /// <summary>Called before messages are appended.</summary>
        public Action<Sink, string[]> Delivering { get; set; } = static (_, _) => { };

        /// <summary>Called after messages were appended.</summary>
        public Action Delivered { get; set; } = static () => { };

        public Action NotingGap { get; set; } = static () => { };

        /// <summary>Whether what comes is to be dropped. Asked for each message.</summary>
        public Func<bool> Full { get; set; } = static () => false;

        public bool IsFull => Full();

        /// <summary>Called in each broadcast before it sends.</summary>
        public Action<Sink> Broadcasting { get; set; } = static _ => { };

        /// <summary>What the broadcast that runs was given.</summary>
        public Action<int>? Sent { get; private set; }

        /// <summary>What was broadcast.</summary>
        public ConcurrentQueue<string> Received { get; } = [];

        public ConcurrentQueue<byte[]> Payloads { get; } = [];

        public int DeliveredCount { get; private set; }

        public bool WasUsedByTwoThreads { get; private set; }

        public void Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due)
        {
            WasUsedByTwoThreads |= Interlocked.Increment(ref delivering) != 1;
            try
            {
                var texts = Array.ConvertAll(messages.ToArray(), Show);
                Delivering(this, texts);
                calls.Enqueue($"deliver {name} {string.Join(' ', texts)}");
                DeliveredCount += messages.Length;
                Append(messages, due);
                Delivered();
            }
            finally
            {
                Interlocked.Decrement(ref delivering);
            }
        }

        public void Drop(int messages, List<IBroadcast> due) => calls.Enqueue($"drop {name} {messages}");

        public void NoteGap(GapCode code, List<IBroadcast> due)
        {
            NotingGap();
            calls.Enqueue($"gap {name} {code}");
            Append([Message.GapOf(code)], due);
        }

        public void Refuse(string reason) => calls.Enqueue($"refuse {name}");

        private void Append(ReadOnlySpan<Message> messages, List<IBroadcast> due)
        {
            lock (gate)
            {
                waiting.AddRange(messages);
                if (isGiven)
                    return;
                isGiven = true;
            }
            due.Add(this);
        }

        public bool Broadcast(Action<int>? sent, out int messages)
        {
            WasUsedByTwoThreads |= Interlocked.Increment(ref broadcasting) != 1;
            Message[] batch;
            lock (gate)
            {
                batch = [.. waiting.Take(MostAtOnce)];
                waiting.RemoveRange(0, batch.Length);
            }
            messages = batch.Length;
            Sent = sent;
            Broadcasting(this);
            var texts = Array.ConvertAll(batch, Show);
            calls.Enqueue($"broadcast {name} {string.Join(' ', texts)}");
            foreach (var message in batch)
                Payloads.Enqueue(message.Payload.ToArray());
            foreach (var text in texts)
                Received.Enqueue(text);
            Interlocked.Decrement(ref broadcasting);
            lock (gate)
                return isGiven = waiting.Count > 0;
        }

        private static string Show(Message message) =>
            message.Gap != GapCode.None ? $"({message.Gap})" : Show(Encoding.UTF8.GetString(message.Channel.Span), message.Payload.Span);

        /// <summary>What <see cref="Received"/> has of a message. Of a long payload not all.</summary>
        public static string Show(string channel, ReadOnlySpan<byte> payload)
        {
            var text = payload.Length > 200 ? $"{Encoding.UTF8.GetString(payload[..20])}… ({payload.Length} bytes)" : Encoding.UTF8.GetString(payload);
            return channel.Length == 0 ? text : $"{channel}={text}";
        }
    }

    /// <summary>A connection to Redis that delivers what a test says, and what the library gets of it.</summary>
    private sealed class ScriptedConnection(int capacity) : IReceiverSource, IDisposable
    {
        private readonly BlockingCollection<byte[]> chunks = new(capacity);
        private readonly TaskCompletionSource<Exception?> closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock gate = new();
        private readonly List<byte> passed = [];
        private byte[] rest = [];
        private int users;
        private long sent;
        private long taken;
        private long waitsAfter = -1;

        public ConnectionToken Token { get; } = new();

        /// <summary>What the library has got.</summary>
        public byte[] Passed
        {
            get
            {
                lock (gate)
                    return [.. passed];
            }
        }

        public int Batches { get; private set; }

        /// <summary>What a receiver must not do.</summary>
        public ConcurrentQueue<string> Errors { get; } = [];

        public bool WantsMore { get; set; } = true;

        /// <summary>Called with what the library gets.</summary>
        public Action<byte[]> Passing { get; set; } = static _ => { };

        public Action Closing { get; set; } = static () => { };

        /// <summary>How the connection ends; null for its usual end.</summary>
        public Func<Exception?> Fails { get; set; } = static () => null;

        /// <summary>The frames come in one read, as far as there is room for them.</summary>
        public void Send(params byte[][] frames) => SendChunk(Resp.Join(frames));

        public void SendInChunks(byte[] bytes, Func<int> size)
        {
            for (var at = 0; at < bytes.Length;)
            {
                var length = Math.Min(size(), bytes.Length - at);
                SendChunk(bytes[at..(at + length)]);
                at += length;
            }
        }

        private void SendChunk(byte[] bytes)
        {
            Interlocked.Increment(ref sent);
            chunks.Add(bytes);
        }

        /// <summary>Completes when everything was read and the receiver waits for more: it has broadcast all of it.</summary>
        public Task WhenReadAsync() => Eventually.IsAsync(() => Interlocked.Read(ref waitsAfter) == Interlocked.Read(ref sent), "the receiver has read everything");

        /// <summary>Nothing more comes. Returns what the receiver has closed it with.</summary>
        public Task<Exception?> EndAsync()
        {
            chunks.CompleteAdding();
            return WhenClosedAsync();
        }

        public Task<Exception?> WhenClosedAsync() => closed.Task.WaitAsync(Eventually.Limit);

        public int Receive(Span<byte> room)
        {
            using var use = new Use(this, "Receive");
            if (rest.Length == 0)
            {
                Interlocked.Exchange(ref waitsAfter, Interlocked.Read(ref taken));
                if (!TryTake(Timeout.Infinite))
                    return Fails() is { } error ? throw error : 0;
            }
            return Copy(room);
        }

        public int Poll(Span<byte> room)
        {
            using var use = new Use(this, "Poll");
            return rest.Length > 0 || TryTake(0) ? Copy(room) : 0;
        }

        public bool Pass(ReadOnlySpan<byte> frames)
        {
            using var use = new Use(this, "Pass");
            lock (gate)
                passed.AddRange(frames);
            Passing(frames.ToArray());
            return WantsMore;
        }

        public void EndBatch()
        {
            using var use = new Use(this, "EndBatch");
            Batches++;
        }

        public void Close(Exception? error)
        {
            using var use = new Use(this, "Close");
            Closing();
            if (!closed.TrySetResult(error))
                Errors.Enqueue("It was closed twice.");
        }

        public void Dispose()
        {
            chunks.CompleteAdding();
            chunks.Dispose();
        }

        private bool TryTake(int milliseconds)
        {
            if (!chunks.TryTake(out var chunk, milliseconds))
                return false;
            rest = chunk;
            Interlocked.Increment(ref taken);
            return true;
        }

        private int Copy(Span<byte> room)
        {
            if (room.IsEmpty)
                Errors.Enqueue("There is no room.");
            var length = Math.Min(room.Length, rest.Length);
            rest.AsSpan(0, length).CopyTo(room);
            rest = rest[length..];
            return length;
        }

        /// <summary>By one thread at a time.</summary>
        private readonly ref struct Use
        {
            private readonly ScriptedConnection connection;

            public Use(ScriptedConnection connection, string what)
            {
                this.connection = connection;
                if (Interlocked.Increment(ref connection.users) != 1)
                    connection.Errors.Enqueue($"{what} by two threads.");
                if (connection.closed.Task.IsCompleted)
                    connection.Errors.Enqueue($"{what} after it was closed.");
            }

            public void Dispose() => Interlocked.Decrement(ref connection.users);
        }
    }

    /// <summary>Bytes of a subscription connection with everything that there is, and who should get which of them.</summary>
    private sealed class Traffic
    {
        private static readonly byte[][] Replies =
        [
            Pong, Resp.Text("+PONG\r\n"), Resp.Text(":1\r\n"), Resp.Text("-ERR no\r\n"), Resp.Text("$-1\r\n"), Resp.Text("$14\r\n*3\r\n$7\r\nmessag\r\n"), Resp.Text("*2\r\n%1\r\n+a\r\n*0\r\n_\r\n"),
            Resp.Text(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"), Resp.Text("|1\r\n+a\r\n:1\r\n+OK\r\n"), Resp.Bulk('$', new byte[70_000]),
            Resp.Text("*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"),
            Resp.Message("unknown", "the library's"), Resp.Message("p*", "a channel, not the pattern"), Resp.PatternMessage("a", "a", "a pattern, not the channel"),
            Resp.Push('*', "smessage", Resp.Text("a"), Resp.Text("sharded")), Resp.Confirmation("subscribe", "unknown"), Resp.Confirmation("punsubscribe", "a"),
        ];

        private readonly List<byte> bytes = [];
        private readonly List<byte> forLibrary = [];
        private readonly HashSet<Name> confirmed = [];
        private readonly HashSet<Name> everConfirmed = [];

        public Traffic(int seed, int steps = 600)
        {
            Seed = seed;
            ForSinks = Names.ToDictionary(static name => name, static _ => new List<string>());
            var random = new Random(seed);
            for (var n = 0; n < steps; n++)
            {
                // Runs of messages of one name, and all names mixed.
                var name = random.Next(2) == 0 ? Names[0] : Names[random.Next(Names.Length)];
                switch (random.Next(20))
                {
                    case 0:
                        Confirm(name);
                        break;
                    case 1 when random.Next(4) == 0:
                        confirmed.Remove(name);
                        ToLibrary(Resp.Confirmation(name.Kind == NameKind.Pattern ? "punsubscribe" : "unsubscribe", name.Text));
                        break;
                    case 2 or 3 or 4:
                        ToLibrary(Replies[random.Next(Replies.Length)]);
                        break;
                    default:
                        Publish(name, $"{n}:{Payload(random)}", random.Next(2) == 0 ? "pa" : "pé");
                        break;
                }
            }
        }

        public int Seed { get; }

        public Name[] Names { get; } = [Name.Channel("a"), Name.Channel(""), Name.Channel("message"), Name.Channel("b\r\n"), Name.Pattern("p*"), Name.Pattern("*")];

        public byte[] Bytes => [.. bytes];

        public byte[] ForLibrary => [.. forLibrary];

        public Dictionary<Name, List<string>> ForSinks { get; }

        private static string Payload(Random random) => random.Next(30) switch
        {
            0 => new string('x', random.Next(30_000)),
            1 => Encoding.UTF8.GetString(Resp.Message("a", "no message")),
            2 => "\r\n",
            3 => "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$10\r\n",
            var other => new string('y', other),
        };

        private void Confirm(Name name)
        {
            ToLibrary(Resp.Confirmation(name.Kind == NameKind.Pattern ? "psubscribe" : "subscribe", name.Text));
            if (confirmed.Add(name) && !everConfirmed.Add(name))
                ForSinks[name].Add("(Redis)");
        }

        private void Publish(Name name, string payload, string channel)
        {
            if (name.Kind == NameKind.Pattern)
                bytes.AddRange(Resp.PatternMessage(name.Text, channel, payload));
            else
                bytes.AddRange(Resp.Message(name.Text, payload));
            if (confirmed.Contains(name))
                ForSinks[name].Add(Sink.Show(name.Kind == NameKind.Pattern ? channel : "", Resp.Text(payload)));
        }

        private void ToLibrary(byte[] frame)
        {
            bytes.AddRange(frame);
            forLibrary.AddRange(frame);
        }
    }

    /// <summary>
    /// Subscriptions, and connections that join and leave them, as in <see cref="HubModel"/>; the messages come from elsewhere. Each payload is its name
    /// and number, and padding.
    /// </summary>
    private sealed class Model
    {
        private static readonly RecentOptions Roomy = new() { Messages = 1_000_000, Bytes = int.MaxValue, Age = TimeSpan.FromHours(1) };

        private readonly long[] published;
        private readonly Peer[] peers;

        public Model(int seed, int names, int peers)
        {
            Seed = seed;
            var traits = Audience.Traits(Roomy);
            Subscriptions = [.. Enumerable.Range(0, names).Select(n => new Subscription(Name.Channel($"n{n}"), traits))];
            published = new long[names];
            this.peers = [.. Enumerable.Range(0, peers).Select(n => new Peer(new ModelLane(seed + n)))];
        }

        public int Seed { get; }

        public Subscription[] Subscriptions { get; }

        /// <summary>Called by one thread.</summary>
        public byte[] NextPayload(int name, int padding) => Encoding.ASCII.GetBytes($"n{name}:{++published[name]}:{new string('x', padding)}");

        public void Churn(Random random, Func<bool> isOver)
        {
            while (!isOver())
            {
                var peer = peers[random.Next(peers.Length)];
                var name = random.Next(Subscriptions.Length);
                if (random.Next(4) > 0)
                    Join(peer, name);
                else
                    Leave(peer, name);
                Thread.Yield();
            }
            // Each has at least one.
            foreach (var peer in peers)
                Join(peer, 0);
        }

        public void Stall(Random random, Func<bool> isOver)
        {
            while (!isOver())
            {
                var peer = peers[random.Next(peers.Length)];
                if (random.Next(3) == 0)
                    peer.Lane.Stall();
                else
                    peer.Lane.GoOn();
                Thread.Yield();
            }
        }

        private void Join(Peer peer, int name)
        {
            if (peer.Joined.ContainsKey(name))
                return;
            var subscription = Subscriptions[name];
            var subscriber = new Subscriber(peer.Connection, subscription);
            // There are no gaps: the log's numbers are those of the messages.
            var from = subscription.Head;
            subscriber.Join();
            peer.Joined.Add(name, new(subscriber, from, subscription.Head));
        }

        private static void Leave(Peer peer, int name)
        {
            if (peer.Joined.TryGetValue(name, out var joined) && !joined.HasLeft)
            {
                peer.Joined[name] = joined with { HasLeft = true };
                peer.Connection.Run(joined.Subscriber.Leave);
            }
        }

        /// <summary>Checks what each connection has got when all have come to rest.</summary>
        public async Task CheckAsync()
        {
            foreach (var peer in peers)
                peer.Lane.GoOn();
            foreach (var peer in peers)
            {
                await Eventually.IsAsync(() => IsAtRest(peer), $"a peer comes to rest (seed {Seed})");
                Check(peer);
            }
        }

        private static bool IsAtRest(Peer peer)
        {
            if (!peer.Connection.TryHold())
                return false;
            var isAtRest = peer.Joined.Values.All(static joined => joined.HasLeft || !joined.Subscriber.IsBehind);
            peer.Connection.Release();
            return isAtRest;
        }

        private void Check(Peer peer)
        {
            var next = new Dictionary<int, long>();
            foreach (var (opcode, payload) in peer.Lane.Frames())
            {
                opcode.Should().Be(ServerFrame.Text);
                var parts = Encoding.ASCII.GetString(payload).Split(':');
                var name = int.Parse(parts[0].AsSpan(1), CultureInfo.InvariantCulture);
                var number = long.Parse(parts[1], CultureInfo.InvariantCulture);
                if (next.TryGetValue(name, out var expected))
                    number.Should().Be(expected, $"messages of n{name} come in order and once (seed {Seed})");
                else
                    number.Should().BeInRange(peer.Joined[name].From, peer.Joined[name].By, $"the first is the first after joining (seed {Seed})");
                next[name] = number + 1;
            }
            foreach (var (name, joined) in peer.Joined)
            {
                if (!joined.HasLeft)
                    next.GetValueOrDefault(name, joined.By).Should().Be(published[name] + 1, $"all of n{name} comes (seed {Seed})");
            }
        }

        private sealed class Peer(ModelLane lane)
        {
            public ModelLane Lane => lane;

            public Connection Connection { get; } = new(lane, PlainText.Format, lane.GoOn, TimeProvider.System, NullLogger.Instance);

            public Dictionary<int, Joined> Joined { get; } = [];
        }

        /// <param name="Subscriber">The one that has joined.</param>
        /// <param name="From">The number of the first message that it may get.</param>
        /// <param name="By">The number of the first message that it must get.</param>
        /// <param name="HasLeft">Then it need not get all.</param>
        private sealed record Joined(Subscriber Subscriber, long From, long By, bool HasLeft = false);
    }
}
