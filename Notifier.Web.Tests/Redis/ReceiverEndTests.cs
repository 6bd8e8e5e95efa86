using System.Net.Sockets;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>What happens when a connection ends.</summary>
public sealed class ReceiverEndTests : RedisReceiverTest
{
    [Fact]
    public async Task A_connection_that_ends_is_closed_once_and_is_no_longer_alive()
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
        Log.Lines.Should().BeEmpty();
    }

    [Theory]
    [InlineData(typeof(SocketException), true)]
    [InlineData(typeof(IOException), true)]
    [InlineData(typeof(ObjectDisposedException), true)]
    [InlineData(typeof(InvalidOperationException), false)]
    public async Task A_connection_that_fails_delivers_the_messages_that_it_received_and_is_closed(Type kind, bool isUsual)
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
    public async Task A_connection_that_the_library_gives_up_ends_after_its_messages_are_broadcast()
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
    public async Task Invalid_resp_ends_the_connection_after_the_messages_before_it_are_broadcast()
    {
        var news = Attach(Name.Channel("news"));
        var connection = Connect();
        var atClose = Array.Empty<string>();
        connection.Closing = () => atClose = [.. Calls];

        connection.Send(Confirm("news"), Resp.Message("news", "1"), Pong, Resp.Message("news", "2"), Resp.Text("nonsense\r\n"), Resp.Message("news", "never read"));
        connection.Send(Resp.Message("news", "never read"));
        var closed = await connection.WhenClosedAsync();

        closed.Should().BeOfType<InvalidDataException>();
        connection.Token.IsAlive.Should().BeFalse();
        news.Received.Should().Equal("1", "2");
        atClose.Should().Equal("deliver news 1", "deliver news 2", "broadcast news 1 2");
        connection.Passed.Should().Equal(Resp.Join(Confirm("news"), Pong));
        connection.Errors.Should().BeEmpty();
        Log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Error && line.Text.Contains("not RESP"));
    }
}
