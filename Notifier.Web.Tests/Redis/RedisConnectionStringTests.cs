using FluentAssertions;
using Notifier.Configuration;
using Notifier.Redis;
using Xunit;

namespace Notifier.Tests.Redis;

public sealed class RedisConnectionStringTests
{
    [Theory]
    [InlineData("user:s3cret@localhost:6379", "looks like a URL without its scheme. Begin it with redis://")]
    [InlineData("password=s3cret", "has no host")]
    [InlineData("localhost,password=comma,s3cret=x", "must not contain a comma; in a URL, write it as %2C")]
    [InlineData("localhost,password=comma,ssl=s3cret", "its option 'ssl' requires a boolean value")]
    [InlineData("localhost,password=s3cret,syncTimeout=soon", "its option 'syncTimeout' requires an integer value")]
    [InlineData("localhost,password=s3cret,syncTimeout=0", "its option 'syncTimeout' has a minimum value of '1'")]
    [InlineData("localhost,tunnel=s3cret", "does not know one of its options")]
    [InlineData("localhost:99999,password=s3cret", "a port is not a number")]
    [InlineData("localhost,password=s3cret,channelPrefix=app:", "use Redis:ChannelPrefix")]
    public void An_invalid_connection_string_is_explained_without_its_password(string text, string told)
    {
        var parse = () => RedisConnectionString.Parse(text);

        parse.Should().Throw<StartupException>().Which.Message.Should()
            .StartWith("Redis:Configuration is not a StackExchange.Redis connection string: ").And.Contain(told).And.NotContain("s3cret");
    }

    [Fact]
    public void Timeouts_can_be_set_and_harmful_options_are_overridden()
    {
        var options = RedisConnectionString.Parse("localhost,asyncTimeout=123,abortConnect=true,configChannel=x,name=mine");

        options.AsyncTimeout.Should().Be(123);
        options.SyncTimeout.Should().Be(2000);
        options.ClientName.Should().Be("mine");
        options.AbortOnConnectFail.Should().BeFalse();
        options.ConfigurationChannel.Should().BeEmpty();
    }
}
