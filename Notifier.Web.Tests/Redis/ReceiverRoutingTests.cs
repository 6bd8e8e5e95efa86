using System.Collections.Concurrent;
using FluentAssertions;
using Notifier.Names;
using Notifier.Redis;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>The receiver delivers messages to their names, and passes every other byte to the library.</summary>
public sealed class ReceiverRoutingTests : RedisReceiverTest
{
    private static readonly int[] Lengths = [0, 1, 100, 16_383, 16_384, 65_535, 65_536, 65_537, 131_072, 524_288, 3, 524_288, 524_287, 0];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Messages_reach_their_sinks_and_all_other_bytes_reach_the_library_in_one_read(int seed)
    {
        var traffic = new RespTraffic(seed);

        await CheckAsync(traffic, connection => connection.Send(traffic.Bytes));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Messages_reach_their_sinks_and_all_other_bytes_reach_the_library_byte_by_byte(int seed)
    {
        var traffic = new RespTraffic(seed, steps: 200);

        await CheckAsync(traffic, connection => connection.SendInChunks(traffic.Bytes, static () => 1));
    }

    [Fact]
    public async Task Messages_reach_their_sinks_and_all_other_bytes_reach_the_library_in_reads_of_random_sizes()
    {
        for (var seed = 100; seed < 112; seed++)
        {
            var traffic = new RespTraffic(seed);
            var random = new Random(seed);
            var most = random.Next(2) == 0 ? 100 : 100_000;

            await CheckAsync(traffic, connection => connection.SendInChunks(traffic.Bytes, () => random.Next(1, most)));
        }
    }

    private static async Task CheckAsync(RespTraffic traffic, Action<ScriptedConnection> send)
    {
        // Each run needs its own names.
        using var test = new ReceiverRoutingTests();
        var sinks = traffic.Names.ToDictionary(static name => name, name => test.Attach(name));
        var connection = test.Connect();
        send(connection);
        (await connection.EndAsync()).Should().BeNull();

        connection.Passed.AsSpan().SequenceEqual(traffic.ForLibrary).Should().BeTrue($"the library receives its bytes (seed {traffic.Seed})");
        foreach (var (name, sink) in sinks)
            sink.Received.Should().Equal(traffic.ForSinks[name], $"{name} receives its messages (seed {traffic.Seed})");
        connection.Errors.Should().BeEmpty();
        test.Log.Lines.Should().BeEmpty();
    }

    [Fact]
    public async Task Ten_thousand_names_confirmed_in_one_read_receive_a_message_each()
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
    public async Task Payloads_of_0_bytes_to_512_kib_arrive_whole(bool inOneRead)
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
    public async Task A_message_for_a_pattern_carries_its_channel_and_a_message_for_a_channel_does_not()
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
        Options = new RedisOptions { ChannelPrefix = "app:" };
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
        Options = new RedisOptions { ChannelPrefix = prefix };
        var all = Attach(Name.Pattern("*"), prefix + "*");
        var connection = Connect();
        var reserved = new[] { "__x", "__keyspace@0__:a", "__", "notifier:x", "notifier:", prefix + "__x", prefix + "notifier:x" };

        connection.Send(Resp.Confirmation("psubscribe", prefix + "*"));
        connection.Send([.. reserved.Select(channel => Resp.PatternMessage(prefix + "*", channel, "secret")), Resp.PatternMessage(prefix + "*", prefix + "_x", "1")]);
        await connection.EndAsync();

        all.Received.Should().Equal("_x=1");
        connection.Passed.Should().Equal(Resp.Confirmation("psubscribe", prefix + "*"), "the library does not receive these messages either");
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
}
