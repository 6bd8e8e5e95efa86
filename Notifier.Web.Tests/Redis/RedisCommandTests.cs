using FluentAssertions;
using Notifier.Redis;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>The command to try, which the log and the page show to operators.</summary>
public sealed class RedisCommandTests
{
    [Theory]
    [InlineData("localhost", "")]
    [InlineData("localhost:6379", "")]
    [InlineData("127.0.0.1:6380", "-p 6380 ")]
    [InlineData("redis.example.com:6380,ssl=true", "-h redis.example.com -p 6380 --tls ")]
    [InlineData("cache,user=app,password=s3cret", "-h cache --user app --askpass ")]
    [InlineData("!/run/redis.sock", "-s /run/redis.sock ")]
    [InlineData("sentinel:26379,serviceName=main", null)]
    [InlineData("redis://", "")]
    [InlineData("rediss://default:s3cret@redis.example.com:6380/0", "-h redis.example.com -p 6380 --tls --user default --askpass ")]
    [InlineData("redis://:s3cret@[::1]:6380/7", "-h ::1 -p 6380 --askpass ")]
    [InlineData("redis://a%20b'%3Bc:s3cret@cache", "-h cache --user 'a b'\\'';c' --askpass ")]
    [InlineData("unix:///run/my%20redis.sock", "-s '/run/my redis.sock' ")]
    [InlineData("redis+sentinel://sentinel?sentinel_master_name=main", null)]
    public void The_command_to_try_reaches_the_same_redis_and_is_omitted_for_sentinels(string text, string? arguments) =>
        RedisCommand.Arguments(RedisConnectionString.Parse(text), new RedisOptions()).Should().Be(arguments);

    [Fact]
    public void The_command_to_try_verifies_the_server_and_identifies_itself_as_notifier_does()
    {
        var options = RedisConnectionString.Parse("rediss://redis.example.com");
        var settings = new RedisOptions { CaFile = "/etc/ca.pem", ClientCertificateFile = "/etc/own.pem", ClientKeyFile = "/etc/own.key", TlsServerName = "redis" };

        RedisCommand.Arguments(options, settings).Should()
            .Be("-h redis.example.com --tls --cacert /etc/ca.pem --cert /etc/own.pem --key /etc/own.key --sni redis ");
    }
}
